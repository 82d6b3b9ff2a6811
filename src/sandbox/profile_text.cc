#include "sandbox/profile_text.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/profile_format.h"

namespace mayfly::sandbox {
namespace {

using settings::Located;
using settings::Shape;

constexpr std::size_t kWidestColumn = 48;

std::string comment(const settings::Location& at) {
  return "# " + text::one_line(settings::to_string(at));
}

// "text" with room behind it, so that the comments of a list stand below each other.
std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

std::string lines_of(const settings::Field<Profile>& field,
                     const std::vector<Located<std::string>>& parts) {
  const std::string& key = field.info.key;
  std::size_t width = 0;
  for (const auto& part : parts) {
    if (part.value.size() <= kWidestColumn) width = std::max(width, part.value.size() + 1);
  }
  std::string out;
  if (field.shape == Shape::kList) out = key + " = [\n";
  for (const auto& part : parts) {
    switch (field.shape) {
      case Shape::kValue:
        out += key + " = " + part.value + "  " + comment(part.at) + "\n";
        break;
      case Shape::kList:
        out += "  " + padded(part.value + ",", width) + comment(part.at) + "\n";
        break;
      case Shape::kEntries:
        out += key + "." + padded(part.value, width) + comment(part.at) + "\n";
        break;
    }
  }
  if (field.shape == Shape::kList) out += "]\n";
  return out;
}

}  // namespace

const char* to_string(settings::Trust trust) {
  switch (trust) {
    case settings::Trust::kShipped:
      return "shipped";
    case settings::Trust::kOperator:
      return "operator";
    case settings::Trust::kProject:
      return "project";
  }
  return "";
}

std::string annotated_text(const Profile& profile) {
  std::string out = "# " + profile.name + ", merged from these files; a later one has the say:\n";
  int number = 0;
  for (const auto& layer : profile.layers) {
    out += "#   " + std::to_string(++number) + ". " + layer.value + ": " +
           text::one_line(settings::to_string(layer.at)) + ", " +
           to_string(settings::trust_of(layer.at)) + "\n";
  }
  out += "\n";
  std::string table;
  for (const auto& field : profile_format().fields()) {
    if (field.info.full() == "extends") continue;
    const auto parts = field.parts(profile);
    if (parts.empty()) continue;
    if (field.info.table != table) {
      table = field.info.table;
      out += "\n[" + table + "]\n";
    }
    out += lines_of(field, parts);
  }
  return out;
}

}  // namespace mayfly::sandbox
