#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.h"
#include "sandbox/syscall_names.h"
#include "sandbox/syscall_policy.h"

// The grammar of a rule:
//
//   rule      = "@" name | name [ "(" condition { "," condition } ")" ]
//   condition = "arg" digit ( "==" | "!=" | "&" | "!&" ) term { "|" term }
//   term      = number | CONSTANT
//
// Blanks and tabs may stand between any two of these words, and nothing else.
namespace mayfly::sandbox {
namespace {

using Compare = ArgumentCondition::Compare;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_word(char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; }

std::string did_you_mean(const std::string& near, const std::string& otherwise) {
  return near.empty() ? otherwise : "Did you mean \"" + near + "\"?";
}

// "31", "0x1f", "0o37", "037". Nothing for what is no such number or has more than 64 bits.
std::optional<std::uint64_t> number_of(std::string_view word) {
  unsigned base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    base = 16;
    word.remove_prefix(2);
  } else if (word.starts_with("0o")) {
    base = 8;
    word.remove_prefix(2);
  } else if (word.size() > 1 && word.front() == '0') {
    base = 8;
  }
  if (word.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : word) {
    unsigned digit = base;
    if (is_digit(c)) digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit >= base) return std::nullopt;
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Result<SyscallRule> parse() {
    if (text_.size() > kMaxSyscallRule) return fail(wrong("it is too long", "Write shorter rules"));
    SyscallRule rule;
    rule.text = std::string(text_);
    skip_blanks();
    if (take("@")) {
      rule.group = TRY(group());
    } else {
      rule.call = TRY(call());
      if (take("(")) rule.when = TRY(conditions());
    }
    if (!rest_.empty() && rest_.front() == '(') {
      return fail(wrong("a group has no arguments", "Name the call that the conditions are about"));
    }
    if (!rest_.empty()) return fail(unexpected("the end"));
    return rule;
  }

 private:
  Error wrong(const std::string& message, const std::string& remedy) const {
    return input_error(ErrorCode::kInvalidConfiguration, "syscalls",
                       text::one_line(text_.substr(0, kMaxSyscallRule)), message, remedy);
  }
  Error unexpected(const std::string& wanted) const {
    const std::string found = rest_.empty()
                                  ? "the text ends"
                                  : "there is \"" + text::one_line(rest_.substr(0, 20)) + "\"";
    return wrong("where " + wanted + " should be, " + found,
                 "Write it as \"@files\", \"ptrace\" or \"socket(arg0 == AF_INET, arg1 & 2)\"");
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
  }
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    skip_blanks();
    return true;
  }
  std::string word() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_word);
    std::string out(rest_.begin(), end);
    rest_.remove_prefix(out.size());
    skip_blanks();
    return out;
  }

  Result<std::string> group() {
    const std::string_view before = rest_;
    std::string name = word();
    if (name.empty()) {
      rest_ = before;
      return fail(unexpected("the name of a group"));
    }
    const std::vector<std::string> groups = syscall_groups();
    if (!has_syscall_names() || std::find(groups.begin(), groups.end(), name) != groups.end()) {
      return name;
    }
    const std::string near = text::nearest(name, groups);
    return fail(wrong(
        "there is no group of system calls @" + name,
        did_you_mean(near.empty() ? "" : "@" + near, "Use one of @" + text::join(groups, ", @"))));
  }

  Result<std::string> call() {
    const std::string_view before = rest_;
    std::string name = word();
    if (name.empty() || is_digit(name.front())) {
      rest_ = before;
      return fail(unexpected("the name of a system call"));
    }
    if (!has_syscall_names() || is_call_name(name)) return name;
    const std::vector<std::string> groups = syscall_groups();
    if (std::find(groups.begin(), groups.end(), name) != groups.end()) {
      return fail(wrong("there is no system call " + name, did_you_mean("@" + name, "")));
    }
    return fail(wrong("there is no system call " + name,
                      did_you_mean(text::nearest(name, call_names()),
                                   "syscalls(2) lists the names; @ is in front of a group's")));
  }

  Result<std::vector<ArgumentCondition>> conditions() {
    std::vector<ArgumentCondition> all;
    do {
      if (all.size() == kMaxArgumentConditions) {
        return fail(wrong("it has too many conditions", "Write several rules"));
      }
      all.push_back(TRY(condition()));
      for (const ArgumentCondition& other : all) {
        if (other.argument == all.back().argument && other.compare == Compare::kEqual &&
            all.back().compare == Compare::kEqual && other.value != all.back().value) {
          return fail(wrong("an argument cannot have two values at once",
                            "All conditions of a rule must hold: write a rule for each value"));
        }
      }
    } while (take(","));
    if (!take(")")) return fail(unexpected("\",\" or \")\""));
    return all;
  }

  Result<ArgumentCondition> condition() {
    const std::string_view before = rest_;
    const std::string name = word();
    if (name.size() != 4 || !name.starts_with("arg") || name[3] < '0' || name[3] > '5') {
      rest_ = before;
      return fail(unexpected("arg0 to arg5"));
    }
    ArgumentCondition condition;
    condition.argument = static_cast<unsigned>(name[3] - '0');
    if (take("==")) {
      condition.compare = Compare::kEqual;
    } else if (take("!=")) {
      condition.compare = Compare::kNotEqual;
    } else if (take("!&")) {
      condition.compare = Compare::kNoBits;
    } else if (take("&")) {
      condition.compare = Compare::kAllBits;
    } else {
      return fail(unexpected("==, !=, & or !&"));
    }
    do {
      condition.value |= TRY(term());
    } while (take("|"));
    const bool bits =
        condition.compare == Compare::kAllBits || condition.compare == Compare::kNoBits;
    if (bits && condition.value == 0) {
      return fail(wrong("no bits are named, so the condition would hold always",
                        "Compare with == or !=, or name a bit"));
    }
    return condition;
  }

  Result<std::uint64_t> term() {
    const std::string_view before = rest_;
    const std::string name = word();
    if (name.empty()) return fail(unexpected("a number or the name of a constant"));
    if (is_digit(name.front())) {
      if (const auto value = number_of(name)) return *value;
      return fail(wrong(name + " is no number of at most 64 bits", "Write it as 31, 0x1f or 0o37"));
    }
    if (const auto value = constant_value(name)) return *value;
    if (!is_upper(name.front())) {
      rest_ = before;
      return fail(unexpected("a number or the name of a constant"));
    }
    return fail(wrong("there is no constant " + name,
                      did_you_mean(text::nearest(name, constant_names()), "Write its number")));
  }

  std::string_view text_;
  std::string_view rest_;
};

}  // namespace

Result<SyscallRule> parse_syscall_rule(std::string_view text) { return Parser(text).parse(); }

}  // namespace mayfly::sandbox
