# cmake -DOUT=file.cc -DDIR=config/profiles -P embed_profiles.cmake: the shipped profiles as C++, the
# default one first.
set(names default readonly strict build network)
set(out "#include \"sandbox/shipped_profiles.h\"\n\nnamespace mayfly::sandbox {\n\n")
string(APPEND out "const std::vector<std::pair<std::string_view, std::string_view>>& shipped_profile_texts() {\n")
string(APPEND out "  static const std::vector<std::pair<std::string_view, std::string_view>> texts = {\n")
foreach(name ${names})
  file(READ ${DIR}/${name}.toml text)
  string(APPEND out "      {\"${name}\", R\"profile(${text})profile\"},\n")
endforeach()
string(APPEND out "  };\n  return texts;\n}\n\n}  // namespace mayfly::sandbox\n")
file(WRITE ${OUT} "${out}")
