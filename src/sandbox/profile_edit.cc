#include "sandbox/profile_edit.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/profile_format.h"
#include "settings/outline.h"

namespace mayfly::sandbox {
namespace {

using settings::Diagnostics;
using settings::Located;
using settings::Shape;
using settings::Statement;
using Path = std::vector<std::string>;

const settings::Field<Profile>* field_of(const ProfileWish& wish) {
  for (const auto& field : profile_format().fields()) {
    if (field.info.table == wish.table && field.info.key == wish.key) return &field;
  }
  return nullptr;
}

Shape shape_of(const ProfileWish& wish) {
  const auto* field = field_of(wish);
  return field == nullptr ? Shape::kValue : field->shape;
}

// "key = value", as a table that has nothing of the key yet says it.
std::string pair_text(const ProfileWish& wish) {
  switch (shape_of(wish)) {
    case Shape::kList:
      return wish.key + " = [" + wish.value + "]";
    case Shape::kEntries:
      return wish.key + "." + wish.name + " = " + wish.value;
    case Shape::kValue:
      break;
  }
  return wish.key + " = " + wish.value;
}

std::string comment_text(const ProfileWish& wish) {
  return wish.comment.empty() ? "" : "# " + text::one_line(wish.comment) + "\n";
}

// Every way to write a wish into a text that may lead to what is meant, the best one first.
class Candidates {
 public:
  // `whole` is all that the key is to say, for when nothing smaller will do.
  Candidates(const std::string& text, const ProfileWish& wish, const std::string& whole)
      : text_(text), wish_(wish), whole_(whole), statements_(settings::outline(text)) {}

  std::vector<std::string> all() {
    if (const Statement* pair = find({wish_.table, wish_.key}); pair != nullptr) {
      if (shape_of(wish_) == Shape::kList) add(into_list(*pair));
      if (shape_of(wish_) == Shape::kValue) add(instead_of(*pair, wish_.value));
      if (shape_of(wish_) == Shape::kEntries) add(into_inline_table(*pair));
    }
    if (shape_of(wish_) == Shape::kEntries) {
      if (const Statement* pair = find({wish_.table, wish_.key, wish_.name}); pair != nullptr) {
        add(instead_of(*pair, wish_.value));
      }
      const std::string line = wish_.name + " = " + wish_.value;
      if (const auto end = end_of_table({wish_.table, wish_.key})) add(inserted(*end, line));
    }
    if (const auto end = end_of_table({wish_.table})) add(inserted(*end, pair_text(wish_)));
    add(appended());
    add(inserted(first_header(), wish_.table + "." + pair_text(wish_)));
    if (const Statement* pair = find({wish_.table, wish_.key}); pair != nullptr) {
      add(instead_of(*pair, whole_));
    }
    return std::move(out_);
  }

 private:
  void add(std::string text) { out_.push_back(std::move(text)); }

  const Statement* find(const Path& path) const {
    for (const Statement& each : statements_) {
      if (!each.is_header() && each.path() == path) return &each;
    }
    return nullptr;
  }

  // Past the last statement below the header of `table`.
  std::optional<std::size_t> end_of_table(const Path& table) const {
    std::optional<std::size_t> end;
    for (const Statement& each : statements_) {
      if (each.table == table) end = each.end;
    }
    const bool headed = std::any_of(statements_.begin(), statements_.end(), [&](const auto& each) {
      return each.is_header() && each.table == table;
    });
    return headed ? end : std::nullopt;
  }

  std::size_t first_header() const {
    std::size_t end = 0;
    for (const Statement& each : statements_) {
      if (each.is_header()) break;
      end = each.end;
    }
    return end;
  }

  // `line` with its comment as lines of their own at `at`, the end of a line.
  std::string inserted(std::size_t at, const std::string& line) const {
    const std::string before = text_.substr(0, at);
    const bool ends = before.empty() || before.back() == '\n';
    return before + (ends ? "" : "\n") + comment_text(wish_) + line + "\n" + text_.substr(at);
  }

  std::string appended() const {
    const bool ends = text_.empty() || text_.back() == '\n';
    return text_ + (ends ? "" : "\n") + (text_.empty() ? "" : "\n") + "[" + wish_.table + "]\n" +
           comment_text(wish_) + pair_text(wish_) + "\n";
  }

  // Another value at the same place; the comment goes above its line.
  std::string instead_of(const Statement& pair, const std::string& value) const {
    return text_.substr(0, pair.begin) + comment_text(wish_) +
           text_.substr(pair.begin, pair.value_begin - pair.begin) + value +
           text_.substr(pair.value_end);
  }

  std::string into_list(const Statement& pair) const {
    const auto brackets = settings::brackets_at(text_, pair.value_begin);
    const std::size_t close = std::min(brackets.close, text_.size());
    std::string before = text_.substr(0, close);
    const std::size_t line = before.rfind('\n') + 1;  // 0 for the first line
    const bool own_line = before.find_first_not_of(" \t", line) == std::string::npos;
    std::string indent = "  ";
    std::string tail;  // what stood before the bracket on its line
    if (own_line) {
      tail = before.substr(line);
      before.resize(line);
      if (brackets.last_value_end != 0) indent = indent_at(brackets.last_value_end);
    } else {
      before += "\n";
    }
    if (brackets.last_value_end != 0 && !brackets.comma_after_last) {
      before.insert(brackets.last_value_end, ",");
    }
    const std::string comment = comment_text(wish_);
    return before + (comment.empty() ? "" : indent + comment) + indent + wish_.value + ",\n" +
           tail + text_.substr(close);
  }

  std::string indent_at(std::size_t at) const {
    const std::size_t line = text_.rfind('\n', at) + 1;
    return text_.substr(line, text_.find_first_not_of(" \t", line) - line);
  }

  // On one line with the others: inline tables have no room for a comment.
  std::string into_inline_table(const Statement& pair) const {
    const auto brackets = settings::brackets_at(text_, pair.value_begin);
    const bool first = brackets.last_value_end == 0;
    const std::size_t at = first ? pair.value_begin + 1 : brackets.last_value_end;
    return text_.substr(0, pair.begin) + comment_text(wish_) +
           text_.substr(pair.begin, at - pair.begin) + (first ? " " : ", ") + wish_.name + " = " +
           wish_.value + text_.substr(at);
  }

  const std::string& text_;
  const ProfileWish& wish_;
  const std::string& whole_;
  const std::vector<Statement> statements_;
  std::vector<std::string> out_;
};

// What each key says. The order of entries means nothing, that of lists does.
std::vector<std::vector<Located<std::string>>> parts_of(const Profile& profile) {
  std::vector<std::vector<Located<std::string>>> out;
  for (const auto& field : profile_format().fields()) {
    out.push_back(field.parts(profile));
    if (field.shape == Shape::kEntries) {
      std::sort(out.back().begin(), out.back().end(),
                [](const auto& a, const auto& b) { return a.value < b.value; });
    }
  }
  return out;
}

}  // namespace

Result<Profile> wished(const ProfileWish& wish) {
  Diagnostics found;
  const auto source = std::make_shared<settings::Source>(settings::Source{wish.option});
  const std::string text = "[" + wish.table + "]\n" + pair_text(wish) + "\n";
  auto profile = parse_profile(text, "wish", source, found);
  if (profile) return *std::move(profile);
  Diagnostics told;  // the place in a text that nobody sees says nothing
  for (const auto& each : found.all()) {
    told.error({source, 0, 0}, each.value, each.message, each.remedy);
  }
  return fail(told.to_error());
}

std::optional<settings::Location> said_already(const Profile& profile, const ProfileWish& wish,
                                               const Profile& wished) {
  const auto* field = field_of(wish);
  if (field == nullptr) return std::nullopt;
  const auto wanted = field->parts(wished);
  for (const auto& part : field->parts(profile)) {
    if (!wanted.empty() && part == wanted.front()) return part.at;
  }
  return std::nullopt;
}

std::string replaced_value(const std::string& text, std::shared_ptr<const settings::Source> source,
                           const ProfileWish& wish) {
  const auto* field = field_of(wish);
  Diagnostics ignored;
  const auto before = parse_profile(text, "profile", std::move(source), ignored);
  if (field == nullptr || field->shape == Shape::kList || !before) return "";
  const std::string front = wish.name.empty() ? "" : wish.name + " = ";
  for (const auto& part : field->parts(*before)) {
    if (!part.value.starts_with(front)) continue;
    return wish.table + "." + wish.key + " " + part.value + " by " + wish.value;
  }
  return "";
}

Result<std::string> with_wish(const std::string& text,
                              std::shared_ptr<const settings::Source> source,
                              const ProfileWish& wish) {
  const Profile addition = TRY(wished(wish));
  Diagnostics diagnostics;
  const auto before = parse_profile(text, "profile", source, diagnostics);
  if (!before) return fail(diagnostics.to_error());
  Profile expected = *before;
  profile_format().merge(expected, addition);
  const auto wanted = parts_of(expected);
  const std::string whole = field_of(wish)->write(expected);
  std::optional<Error> why;
  for (std::string& candidate : Candidates(text, wish, whole).all()) {
    Diagnostics found;
    const auto after = parse_profile(candidate, "profile", source, found);
    if (after && parts_of(*after) == wanted) return std::move(candidate);
    if (!after && !why) why = found.to_error();
  }
  if (why) return fail(*std::move(why));
  return fail(input_error(ErrorCode::kInvalidConfiguration, "file", source->name,
                          "has no place where " + wish.table + "." + wish.key + " can be added",
                          "write it with an editor: " + wish.value));
}

}  // namespace mayfly::sandbox
