#include "files/codec.h"

#include "base/text.h"

namespace mayfly::files::codec {

void put(wire::Writer& writer, const Target& target) {
  writer.put(target.area).put(target.path).put(target.shown);
}

Target get_target(wire::Reader& reader) {
  Target target;
  target.area = reader.get<std::string>();
  target.path = reader.get<std::string>();
  target.shown = reader.get<std::string>();
  return target;
}

Error broken(std::string_view what) {
  Error error;
  error.code = ErrorCode::kSandboxLost;
  error.message = std::string(what) + " is broken: it did not arrive as it was sent";
  error.remedy = "try again; if it stays, run mayfly doctor";
  return error;
}

Error get_error(wire::Reader& reader, bool& sound) {
  constexpr std::size_t kMostText = 16'384;
  Error error = reader.get<Error>();
  const auto number = static_cast<unsigned>(error.code);
  sound = sound && number >= 1000 && number < 7000;
  for (std::string* part :
       {&error.message, &error.field, &error.value, &error.remedy, &error.details}) {
    *part = text::shorten(text::repair_utf8(part->substr(0, kMostText)), kMostText);
  }
  return error;
}

}  // namespace mayfly::files::codec
