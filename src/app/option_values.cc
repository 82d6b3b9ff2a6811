#include "app/option_values.h"

#include <unistd.h>

#include <sys/stat.h>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sandbox/path_rules.h"
#include "settings/units.h"

namespace mayfly::app {
namespace {

using settings::Array;
using settings::complain;
using settings::Complaint;
using settings::Location;
using settings::Node;
using settings::Table;

settings::Reading<std::uint64_t> count(const std::string& text) {
  const auto number = settings::parse_count(text);
  if (!number) return complain(number.error());
  return *number;
}

Node entry(const std::string& key, Node value, const Location& at) {
  Table table;
  table.push_back({{key, at}, std::make_unique<Node>(std::move(value))});
  return {at, std::move(table)};
}

std::string absolute(const std::string& text) {
  if (text.empty() || text.starts_with('/') || text.starts_with('~') || text.starts_with("${")) {
    return text;
  }
  std::error_code ignored;
  std::filesystem::path from = std::filesystem::current_path(ignored);
  std::string_view rest = text;
  // Only what is in front: ".." behind a name may lead over a link.
  while (rest == ".." || rest.starts_with("../") || rest == "." || rest.starts_with("./")) {
    if (rest.starts_with("..")) from = from.parent_path();
    rest.remove_prefix(std::min(rest.size(), rest.find('/')));
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of('/')));
  }
  return rest.empty() ? from.string() : (from / rest).string();
}

// Where it can be known: not behind a variable.
bool is_there(const std::string& path) {
  if (!path.starts_with('/')) return true;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return true;
  return sandbox::is_pattern(path) && !sandbox::find_matches(path).empty();
}

// Root's sandbox is not root.
bool is_readable(const std::string& path) {
  struct stat info {};
  if (!path.starts_with('/') || ::stat(path.c_str(), &info) != 0) return true;
  return ::geteuid() == 0 ? (info.st_mode & S_IROTH) != 0 : ::access(path.c_str(), R_OK) == 0;
}

}  // namespace

OptionReading as_text(const std::string& text, const Location& at) { return Node{at, text}; }

OptionReading as_number(const std::string& text, const Location& at) {
  const auto number = count(text);
  if (!number) return tl::unexpected<Complaint>(number.error());
  // What does not fit is too large for every key.
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return Node{at, static_cast<std::int64_t>(std::min(*number, kMost))};
}

OptionReading as_milliseconds(const std::string& text, const Location& at) {
  const auto number = count(text);
  if (!number) return tl::unexpected<Complaint>(number.error());
  return Node{at, text + "ms"};
}

OptionReading as_percent(const std::string& text, const Location& at) {
  const auto number = count(text);
  if (!number) return tl::unexpected<Complaint>(number.error());
  return Node{at, text + "%"};
}

OptionReading as_words(const std::string& text, const Location& at) {
  if (text == "auto" || text == "off") return Node{at, text};
  Array words;
  for (const std::string& word : text::split(text, ',')) words.push_back({at, word});
  return Node{at, std::move(words)};
}

OptionReading as_path(const std::string& text, const Location& at) {
  return Node{at, absolute(text)};
}

OptionReading as_path_there(const std::string& text, const Location& at) {
  const std::string path = absolute(text);
  if (!is_there(path)) return complain("is not there", "check the spelling");
  return Node{at, path};
}

OptionReading as_readable_path(const std::string& text, const Location& at) {
  auto there = as_path_there(text, at);
  if (there && !is_readable(absolute(text))) {
    return complain("cannot be read by the sandbox's user", "change its mode, or copy it");
  }
  return there;
}

OptionReading as_sized_path(const std::string& text, const Location& at) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) return complain("has no size", "write PATH=SIZE");
  return entry(absolute(text.substr(0, equals)), {at, text.substr(equals + 1)}, at);
}

OptionReading as_bind(const std::string& text, const Location& at) {
  const std::vector<std::string> parts = text::split(text, ':');
  const bool writable = parts.size() == 3 && parts[2] == "rw";
  if (parts.size() != 2 && !writable) {
    return complain("is not SRC:DEST",
                    "write SRC:DEST, or SRC:DEST:rw for one that can be written");
  }
  auto source = as_path_there(parts[0], at);
  if (!source) return complain(parts[0] + " " + source.error().message, source.error().remedy);
  Table table;
  const auto add = [&](const char* key, Node value) {
    table.push_back({{key, at}, std::make_unique<Node>(std::move(value))});
  };
  add("source", *std::move(source));
  add("destination", {at, absolute(parts[1])});
  add("write", {at, writable});
  return Node{at, std::move(table)};
}

OptionReading as_variable(const std::string& text, const Location& at) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (!text::is_variable_name(name)) {
    return complain("has no name that a variable can have",
                    "write NAME=value, or NAME, of letters, digits and _");
  }
  if (equals != std::string::npos) return entry(name, {at, text.substr(equals + 1)}, at);
  if (const char* value = std::getenv(name.c_str()))
    return entry(name, {at, std::string(value)}, at);
  return complain("is not in the environment of mayfly itself",
                  "write " + name + "=value, or set it where mayfly is started");
}

}  // namespace mayfly::app
