#include <algorithm>

#include "base/text.h"
#include "sandbox/profile_edit.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

// One key of a new file: what it does, and an example for those that are not asked for.
struct Prompt {
  const char* table;
  const char* key;
  const char* help;
  const char* example;
};
constexpr Prompt kPrompts[] = {
    {"filesystem", "read", "Host paths that are visible, read-only.", "[\"/opt/sdk\"]"},
    {"filesystem", "write", "Host paths that commands may change, besides the workspace.",
     "[\"${home}/shared\"]"},
    {"filesystem", "deny", "Paths that nobody inside can open, whatever else is said.",
     "[\"${workspace}/.env\"]"},
    {"network", "mode", "none: nothing is reached; proxy: the hosts that the rules name.",
     "\"proxy\""},
    {"network", "allow", "Hosts, with a port or without; \"*.\" in front is any name below.",
     "[\"registry.npmjs.org:443\"]"},
    {"limits", "wall", "How long one call may take (30s, 10m, 1h30m).", "\"10m\""},
    {"limits", "memory", "Memory of all its processes together (512M, 4G, 50%).", "\"4G\""},
    {"environment", "pass", "Variables of Mayfly's own environment that come in.", "[\"AWS_*\"]"},
    {"environment", "set", "Variables with fixed values.", "{ GOFLAGS = \"-mod=vendor\" }"},
};

bool is_about(const ProfileWish& wish, const Prompt& prompt) {
  return wish.table == prompt.table && wish.key == prompt.key;
}

// All values that are wished for one key, as one.
std::string value_of(const std::vector<ProfileWish>& wishes, const Prompt& prompt) {
  std::vector<std::string> values;
  bool entries = false;
  bool list = std::string_view(prompt.example).starts_with('[');
  for (const ProfileWish& wish : wishes) {
    if (!is_about(wish, prompt)) continue;
    entries = !wish.name.empty();
    values.push_back(entries ? wish.name + " = " + wish.value : wish.value);
  }
  if (values.empty()) return "";
  if (entries) return "{ " + text::join(values, ", ") + " }";
  return list ? "[" + text::join(values, ", ") + "]" : values.back();
}

// What is wished for keys of `table` that have no prompt.
std::string unprompted(const std::vector<ProfileWish>& wishes, const std::string& table) {
  std::string out;
  std::vector<std::string> done;
  for (const ProfileWish& wish : wishes) {
    const auto is_prompted = [&](const Prompt& prompt) { return is_about(wish, prompt); };
    if (wish.table != table || std::any_of(std::begin(kPrompts), std::end(kPrompts), is_prompted)) {
      continue;
    }
    if (std::find(done.begin(), done.end(), wish.key) != done.end()) continue;
    done.push_back(wish.key);
    const bool list = wish.table == "filesystem";  // the others without a prompt are limits
    const Prompt one{wish.table.c_str(), wish.key.c_str(), "", list ? "[]" : ""};
    out += wish.key + " = " + value_of(wishes, one) + "\n";
  }
  return out;
}

}  // namespace

std::string new_profile_text(const NewProfile& profile) {
  std::string out =
      "# " + profile.name + ": who is it for, and what does it stop?\n#\n" +
      "# Lines that start with \"#\" are comments; take the \"#\" away to use an example.\n" +
      "# Paths may start with ${workspace}, ${home} or ${tmp}.\n" + "#   mayfly profile check " +
      profile.name + "     says what is wrong or has no effect\n" + "#   mayfly profile explain " +
      profile.name + "   says what it all comes to\n\n" +
      "# What this starts from; what is below comes on top.\n" +
      "extends = " + settings::quoted(profile.extends) + "\n" +
      (profile.description.empty()
           ? "# description = \"For ...: stops ...\"\n"
           : "description = " + settings::quoted(profile.description) + "\n");
  std::string table;
  const auto add_rest = [&] { out += unprompted(profile.wishes, table); };
  for (const Prompt& prompt : kPrompts) {
    if (table != prompt.table) {
      add_rest();
      table = prompt.table;
      out += "\n[" + table + "]\n";
    }
    const std::string value = value_of(profile.wishes, prompt);
    out += std::string("# ") + prompt.help + "\n";
    out += value.empty() ? std::string("# ") + prompt.key + " = " + prompt.example + "\n"
                         : std::string(prompt.key) + " = " + value + "\n";
  }
  add_rest();
  return out;
}

}  // namespace mayfly::sandbox
