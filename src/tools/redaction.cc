#include "tools/redaction.h"

#include <re2/re2.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "audit/hash.h"
#include "base/text.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

// A word of a shell: quoted parts, escapes and plain characters; what is not closed ends the text.
#define WORD R"((?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s;&|'"\\])+)"
// What comes between a program's name and its option, in the same command.
#define SAME R"([^|;&\n]*?\s)"

// What names of secrets end in.
#define SECRET \
  R"((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|auth[_-]?key|credentials?))"
// A word that is no option and no operator.
#define NO_OPTION \
  R"((?:[^\s;&|<>'"\\-]|"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s;&|'"\\])*)"

struct Shape {
  const char* pattern;
  const char* replacement;
};

// In order: what an earlier row replaced, a later one no longer sees.
constexpr Shape kShapes[] = {
    {R"((?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----).*?(-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))",
     R"(\1[redacted]\2)"},
    // Headers, up to the end of the line or of the quotes.
    {R"((?i)\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?)[^\r\n"'\\]+)",
     R"(\1[redacted])"},
    {R"((?i)\b((?:x-[a-z-]*(?:key|token|secret)|(?:private|job|deploy)-token|api-key|apikey|set-cookie|cookie)\s*:\s*)[^\r\n"'\\]+)",
     R"(\1[redacted])"},
    {R"((?i)\b(bearer\s+)[a-z0-9._~+/=-]{12,})", R"(\1[redacted])"},
    // user:password@ in addresses; the last @ before the path counts.
    {R"(([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/"'@:]*:)[^\s/"']+@)", R"(\1[redacted]@)"},
    // Tokens that say what they are.
    {R"((?:gh[oprsu]_[A-Za-z0-9]{10,}|github_pat_[A-Za-z0-9_]{10,}|glpat-[A-Za-z0-9_.-]{10,}|gl(?:ptt|dt|rt|cbt|soat)-[A-Za-z0-9_.-]{10,}))",
     "[redacted]"},
    {R"(\b(?:xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|npm_[A-Za-z0-9]{16,}|pypi-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{16,}|hf_[A-Za-z0-9]{20,}|do[opr]_v1_[a-f0-9]{32,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|dckr_pat_[A-Za-z0-9_-]{16,}|shp(?:at|ss|ca|pa)_[a-fA-F0-9]{16,}|hvs\.[A-Za-z0-9_-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{16,}))",
     "[redacted]"},
    {R"(\bsk-(?:[a-z0-9]{1,12}-){0,2}[A-Za-z0-9_]{16,}[A-Za-z0-9_-]*)", "[redacted]"},
    {R"(\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*)", "[redacted]"},
    // Options whose name ends in what they hold; = takes any value, a space one that is no option.
    {R"((?i)(--?[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|secret-?key|private-?key|auth-?key|credentials?)=))" WORD,
     R"(\1[redacted])"},
    {R"((?i)(--?[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|secret-?key|private-?key|auth-?key|credentials?)\s+)(?:[^\s;&|'"\\-]|"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\.|[^\s;&|'"\\])*)",
     R"(\1[redacted])"},
    {R"((?i)((?:^|\s)--?(?:[a-z0-9_-]*[_-])?pass=))" WORD, R"(\1[redacted])"},
    {R"((?i)((?:^|\s)--?(?:[a-z0-9_-]*[_-])?pass\s+))" NO_OPTION, R"(\1[redacted])"},
    // config set NAME VALUE.
    {R"((?i)(\b(?:config|configure)(?:\s+--?[a-z-]+)*\s+(?:set\s+)?["']?[^\s;&|'"]*)" SECRET
     R"(["']?[ \t]+))" NO_OPTION,
     R"(\1[redacted])"},
    // NAME=value, in the shell's way and in those of addresses and forms.
    {R"(([A-Za-z0-9_]*(?:KEY|(?i:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)|_PWD|_PASS|_AUTH)[A-Za-z0-9_]*=))" WORD,
     R"(\1[redacted])"},
    // "name": "value", also inside quotes.
    {R"((?i)((?:\\?["'])[a-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_.-]*\\?["']\s*:\s*\\?["'])[^"'\\]*)",
     R"(\1[redacted])"},
    // name: value and name = value, as files have them: whole lines, or what is in quotes.
    {R"((?im)^([ \t]*(?:-[ \t]+)?[a-z0-9_.-]*)" SECRET
     R"([ \t]*(?::=|[:=])[ \t]*)(?:"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"'=\[{][^\r\n"']*))",
     R"(\1[redacted])"},
    {R"((?i)(["'][a-z0-9_.-]*)" SECRET R"([ \t]*(?::=|[:=])[ \t]*)[^\s"'=\[{][^\r\n"']*)",
     R"(\1[redacted])"},
    {R"((?i)\b((?:password|passwd|passphrase|secret|api[_-]?key)\s*:\s*)[^\s"',;}\[]+)",
     R"(\1[redacted])"},
    // Programs with options of their own.
    {R"(\b((?:mysql(?:dump|admin|import|show|check)?|mariadb(?:-dump|-admin)?|7z[ar]?)\b)" SAME
     R"(-p))" WORD,
     R"(\1[redacted])"},
    {R"(\b(sshpass\s+-p\s*))" WORD, R"(\1[redacted])"},
    {R"(\b((?:docker|podman|nerdctl|buildah|skopeo|helm|oras|crane)\b)" SAME R"(login\b)" SAME
     R"(-p[= ]?\s*))" WORD,
     R"(\1[redacted])"},
    {R"(\b(redis-cli\b)" SAME R"(-a\s+))" WORD, R"(\1[redacted])"},
    {R"(\b(openssl\b)" SAME R"(-[kK]\s+))" NO_OPTION, R"(\1[redacted])"},
    {R"(\b((?:un)?zip\b)" SAME R"(-P\s*))" WORD, R"(\1[redacted])"},
    {R"(\b((?:curl|wget)\b)" SAME
     R"((?:-u|-U|--user|--proxy-user)[= ]?\s*["']?[^\s:"']*:)[^\s"']+)",
     R"(\1[redacted])"},
    {R"((\bpass:)[^\s"';&|]+)", R"(\1[redacted])"},
};

struct Compiled {
  std::unique_ptr<re2::RE2> pattern;
  const char* replacement;
};

const std::vector<Compiled>& shapes() {
  static const std::vector<Compiled> compiled = [] {
    std::vector<Compiled> out;
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);  // bytes: a text need not be UTF-8
    options.set_log_errors(false);
    for (const Shape& shape : kShapes) {
      out.push_back({std::make_unique<re2::RE2>(shape.pattern, options), shape.replacement});
    }
    return out;
  }();
  return compiled;
}

// Options of programs that take a secret as their next word, or at once.
struct ProgramOption {
  const char* program;
  const char* option;
  bool joined;                  // -pSECRET only
  bool with_user;               // user:SECRET
  const char* after = nullptr;  // only when this word came before
  bool apart = false;           // -k SECRET only: -key is another option
};
constexpr ProgramOption kProgramOptions[] = {
    {"mysql", "-p", true, false},
    {"mysqldump", "-p", true, false},
    {"mysqladmin", "-p", true, false},
    {"mariadb", "-p", true, false},
    {"mariadb-dump", "-p", true, false},
    {"7z", "-p", true, false},
    {"7za", "-p", true, false},
    {"sshpass", "-p", false, false},
    {"docker", "-p", false, false, "login"},
    {"podman", "-p", false, false, "login"},
    {"helm", "-p", false, false, "login"},
    {"redis-cli", "-a", false, false},
    {"openssl", "-k", false, false, nullptr, true},
    {"openssl", "-K", false, false, nullptr, true},
    {"zip", "-P", false, false},
    {"unzip", "-P", false, false},
    {"curl", "-u", false, true},
    {"curl", "--user", false, true},
    {"curl", "-U", false, true},
    {"curl", "--proxy-user", false, true},
    {"wget", "--user", false, true},
};

bool is_secret_option(const std::string& word) {
  static const re2::RE2 pattern(
      "(?i)--?[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|"
      "secret-?key|private-?key|auth-?key|credentials?)|--?(?:[a-zA-Z0-9_-]*[_-])?pass");
  return re2::RE2::FullMatch(word, pattern);
}

// `config set NAME VALUE`: whether VALUE, the word at `at`, is that of a secret's name.
bool is_set_secret(const std::vector<std::string>& words, std::size_t at) {
  static const re2::RE2 pattern(R"((?i)\S*)" SECRET);
  if (at < 2 || words[at].starts_with('-')) return false;
  const std::string& before = words[at - 2];
  return (before == "set" || before == "config") && re2::RE2::FullMatch(words[at - 1], pattern);
}

std::string without_secret(const std::string& value, bool with_user) {
  if (!with_user) return std::string(kRedacted);
  const std::size_t colon = value.find(':');
  return colon == std::string::npos ? value : value.substr(0, colon + 1) + std::string(kRedacted);
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The word at `at`, if a program before it takes it as a secret.
std::string by_program(const std::vector<std::string>& words, std::size_t at,
                       const std::vector<const ProgramOption*>& options, std::string otherwise) {
  const std::string& word = words[at];
  for (const ProgramOption* each : options) {
    const std::string_view option = each->option;
    const auto here = words.begin() + static_cast<std::ptrdiff_t>(at);
    if (each->after != nullptr && std::find(words.begin(), here, each->after) == here) continue;
    if (!each->joined && at > 0 && words[at - 1] == option) {
      return without_secret(word, each->with_user);
    }
    const bool is_short = option.size() == 2 && !each->apart;
    if (is_short && word.size() > 2 && word.starts_with(option)) {
      return std::string(option) + without_secret(word.substr(2), each->with_user);
    }
  }
  return otherwise;
}

// Plain text in arguments: secrets of a known shape are taken out. Everything else is content.
bool is_plain(std::string_view name) {
  static constexpr std::string_view kPlain[] = {
      "command",     "cwd",    "path", "profile",  "job_id",  "pattern",    "glob",
      "stream",      "signal", "mode", "encoding", "receipt", "limits",     "call_id",
      "shell_state", "sort",   "type", "exclude",  "include", "output_mode"};
  return std::find(std::begin(kPlain), std::end(kPlain), name) != std::end(kPlain);
}

// Longer texts are cut off in the log. What comes last before the cut could be a secret's first
// half, which has no shape any more, and goes too.
constexpr std::size_t kMostText = 64U << 10;
constexpr std::size_t kMostShown = 16U << 10;
constexpr std::size_t kDoubtful = 4U << 10;

std::string digest_of(std::string_view text) { return audit::sha256(text).substr(0, 16); }

std::string shown(const std::string& text) {
  if (text.size() <= kMostText) return redacted(text);
  std::string start = redacted(std::string_view(text).substr(0, kMostText));
  start.resize(std::min(kMostShown, start.size() - std::min(start.size(), kDoubtful)));
  return start + "[cut: " + std::to_string(text.size()) + " bytes, sha256 " + digest_of(text) + "]";
}

Json size_and_digest(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return {{"bytes", text.size()}, {"sha256", digest_of(text)}};
  }
  const std::string text = mcp::dump_json(value);
  return {{"json_bytes", text.size()}, {"sha256", digest_of(text)}};
}

Json plain(const Json& value) {
  if (value.is_string()) return shown(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  Json out = value.is_array() ? Json::array() : Json::object();
  for (const auto& [name, each] : value.items()) {
    const Json shown_value = each.is_number() || each.is_boolean() ? each : size_and_digest(each);
    if (value.is_array()) {
      out.push_back(each.is_string() ? plain(each) : shown_value);
    } else {
      out[shown(name)] = shown_value;
    }
    if (out.size() == 1024) break;
  }
  return out;
}

Json argv(const Json& value) {
  if (!value.is_array()) return size_and_digest(value);
  std::vector<std::string> words;
  for (const Json& each : value) {
    if (!each.is_string()) return size_and_digest(value);
    words.push_back(each.get<std::string>());
    if (words.size() == 4096) break;
  }
  for (std::string& word : words) {
    if (word.size() > kMostText) word = shown(word);
  }
  return redacted_words(words);
}

Json names_of(const Json& value) {
  if (!value.is_object()) return size_and_digest(value);
  Json out = Json::array();
  for (const auto& [name, each] : value.items()) {
    out.push_back(shown(name));
    if (out.size() == 1024) break;
  }
  return out;
}

}  // namespace

std::string redacted(std::string_view text) {
  std::string out(text);
  for (const Compiled& shape : shapes()) {
    re2::RE2::GlobalReplace(&out, *shape.pattern, shape.replacement);
  }
  return out;
}

std::vector<std::string> redacted_words(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  out.reserve(words.size());
  std::vector<const ProgramOption*> options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_value = i > 0 && is_secret_option(words[i - 1]) && !words[i].starts_with('-');
    if (is_value || is_set_secret(words, i)) {
      out.emplace_back(kRedacted);
    } else {
      out.push_back(by_program(words, i, options, redacted(words[i])));
    }
    for (const ProgramOption& each : kProgramOptions) {
      const bool known = std::find(options.begin(), options.end(), &each) != options.end();
      if (!known && base_name(words[i]) == each.program) options.push_back(&each);
    }
  }
  return out;
}

Json redacted_arguments(const Json& arguments) {
  if (!arguments.is_object()) return size_and_digest(arguments);
  Json out = Json::object();
  for (const auto& [name, value] : arguments.items()) {
    if (out.size() == 64) break;
    const std::string shown_name = text::shorten(shown(name), 256);
    if (name == "argv") {
      out[shown_name] = argv(value);
    } else if (name == "env") {
      out[shown_name] = names_of(value);
    } else if (is_plain(name)) {
      out[shown_name] = plain(value);
    } else {
      out[shown_name] = value.is_number() || value.is_boolean() || value.is_null()
                            ? value
                            : size_and_digest(value);
    }
  }
  return out;
}

}  // namespace mayfly::tools
