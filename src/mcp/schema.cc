#include "mcp/schema.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

#include <exception>
#include <utility>

namespace mayfly::mcp {
namespace {

constexpr std::uint64_t kLongestMatched = 4096;

// Whether every pattern in `schema` is one that explain_faults guards by its maxLength. Where it
// does not look (anyOf, $defs, patternProperties…) no pattern may stand at all.
bool patterns_are_bounded(const Json& schema, bool guarded) {
  if (!schema.is_object()) return true;
  if (schema.contains("patternProperties")) return false;
  if (const Json* pattern = member(schema, "pattern"); pattern != nullptr && pattern->is_string()) {
    const Json* longest = member(schema, "maxLength");
    const bool bounded = longest != nullptr && longest->is_number_unsigned() &&
                         longest->get<std::uint64_t>() <= kLongestMatched;
    if (!guarded || !bounded) return false;
  }
  for (const auto& [keyword, value] : schema.items()) {
    if (keyword == "properties") {
      for (const auto& property : value) {
        if (!patterns_are_bounded(property, guarded)) return false;
      }
    } else if (keyword == "items" || keyword == "additionalProperties" ||
               keyword == "propertyNames") {
      if (!patterns_are_bounded(value, guarded)) return false;
    } else if (value.is_structured() && keyword != "enum" && keyword != "const" &&
               keyword != "default" && keyword != "examples") {
      if (!patterns_are_bounded(value, false)) return false;
      for (const auto& nested : value) {
        if (!patterns_are_bounded(nested, false)) return false;
      }
    }
  }
  return true;
}

// "<root>", "[edits]", "[0]", "[old]" → "edits[0].old".
std::string path_of(const std::vector<std::string>& context) {
  std::string path;
  for (const std::string& step : context) {
    if (step.size() < 2 || step.front() != '[') continue;
    const std::string name = step.substr(1, step.size() - 2);
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos) {
      path += step;
    } else {
      path += (path.empty() ? "" : ".") + name;
    }
  }
  return path;
}

Error not_checkable(std::string_view why) {
  return input_error(ErrorCode::kInvalidArgument, "", "", why, "");
}

}  // namespace

struct Schema::Compiled {
  valijson::Schema schema;
};

Schema::Schema(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

Result<Schema> Schema::compile(const Json& schema) {
  if (!patterns_are_bounded(schema, true)) {
    return fail(not_checkable(
        "each `pattern` needs a `maxLength` of at most 4096 beside it, reachable through "
        "properties, items, additionalProperties or propertyNames"));
  }
  try {
    auto compiled = std::make_unique<Compiled>();
    const nlohmann::json document = schema;
    const valijson::adapters::NlohmannJsonAdapter adapter(document);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(adapter, compiled->schema);
    return Schema(std::move(compiled));
  } catch (const std::exception& refused) {
    return fail(not_checkable(std::string("not a usable JSON Schema: ") + refused.what()));
  }
}

std::vector<Error> Schema::faults(const Json& value) const {
  constexpr std::size_t kMostReported = 8;
  std::vector<Error> errors;
  try {
    const nlohmann::json document = value;
    const valijson::adapters::NlohmannJsonAdapter adapter(document);
    // One a call: it caches regular expressions and is not thread-safe.
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(compiled_->schema, adapter, &results)) return errors;
    for (const auto& fault : results) {
      if (errors.size() == kMostReported) break;
      errors.push_back(input_error(ErrorCode::kInvalidArgument, path_of(fault.context), "",
                                   fault.description, "see the tool's input schema"));
    }
    if (errors.empty())
      errors.push_back(not_checkable("the arguments do not fit the input schema"));
  } catch (const std::exception& refused) {
    errors.push_back(
        not_checkable(std::string("the arguments cannot be checked: ") + refused.what()));
  }
  return errors;
}

}  // namespace mayfly::mcp
