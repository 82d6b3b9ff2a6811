#include "mcp/json.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/text.h"

namespace mayfly::mcp {
namespace {

// Builds the value itself rather than through nlohmann's own builder: that one looks every name up
// in a linear list, so an object of a million names would take hours.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  Json& root() { return root_; }
  const std::string& fault() const { return fault_; }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary values do not exist in JSON"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool end_object() override {
    const auto& members = open_.back()->get_ref<const Json::object_t&>();
    open_.pop_back();
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& entry : members) names.emplace_back(entry.first);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return true;
    return refuse("the name \"" + text::shorten(text::one_line(*twice), 80) +
                  "\" is given twice in one object");
  }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return refuse("not valid JSON at byte " + std::to_string(position));
  }

 private:
  bool refuse(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
    return false;
  }

  bool put(Json value) { return place(std::move(value)) != nullptr; }

  bool open(Json container) {
    if (open_.size() >= limits_.depth) {
      return refuse("nested deeper than " + std::to_string(limits_.depth) + " levels");
    }
    Json* placed = place(std::move(container));
    if (placed == nullptr) return false;
    open_.push_back(placed);
    return true;
  }

  // The address stays good while the value is open: its parent only grows after it is closed.
  Json* place(Json&& value) {
    if (++values_ > limits_.values) {
      refuse("more than " + std::to_string(limits_.values) + " values");
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      auto& items = parent.get_ref<Json::array_t&>();
      return &items.emplace_back(std::move(value));
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }

  const JsonLimits limits_;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  std::size_t values_ = 0;
  std::string fault_;
};

bool is_hex4(std::string_view digits) {
  return digits.size() == 4 && std::all_of(digits.begin(), digits.end(), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

// 0 unless `text` has a \uXXXX escape at `at`.
unsigned escape_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || !is_hex4(text.substr(std::min(at + 2, text.size()), 4))) {
    return 0;
  }
  return static_cast<unsigned>(std::stoul(std::string(text.substr(at + 2, 4)), nullptr, 16));
}

bool is_high(unsigned unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low(unsigned unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  Builder builder(limits);
  // Told what to call, the parser reports through the builder and does not throw; what remains is
  // the library's own bad luck, such as a string longer than memory.
  try {
    if (Json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.root());
  } catch (const std::exception&) {
    return fail(
        input_error(ErrorCode::kInvalidArgument, "", "", "the text could not be parsed", ""));
  }
  return fail(input_error(ErrorCode::kInvalidArgument, "", "",
                          builder.fault().empty() ? "not valid JSON" : builder.fault(), ""));
}

std::string repair_json_text(std::string_view text) {
  std::string out = text::repair_utf8(text);
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] != '\\') continue;
    const unsigned unit = escape_at(out, i);
    const bool pair = is_high(unit) && is_low(escape_at(out, i + 6));
    if (!pair && (is_high(unit) || is_low(unit))) out.replace(i + 2, 4, "fffd");
    i += pair ? 11 : unit != 0 ? 5 : 1;
  }
  return out;
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace mayfly::mcp
