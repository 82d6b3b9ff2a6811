#include "sandbox/network_rules.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostText = 4096;
constexpr std::size_t kMostName = 253;
constexpr std::size_t kMostLabel = 63;
constexpr const char* kWriteHost = "write it like example.org, *.example.org or 10.0.0.0/8";

enum class Form { kRule, kDestination };

// What is in front of the path of a text, with `rest` as the path.
struct Parsed {
  std::string scheme;
  std::string name;
  bool below = false;
  std::optional<AddressRange> range;
  std::uint16_t low_port = 0;
  std::uint16_t high_port = 65535;
  bool has_port = false;
  std::string rest;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

class HostParser {
 public:
  HostParser(std::string_view text, Form form) : text_(text), form_(form) {}

  Result<Parsed> parse() {
    TRY(check_characters());
    std::string_view rest = TRY(take_scheme(text_));
    std::string_view authority = rest;
    if (form_ == Form::kDestination) {
      authority = rest.substr(0, rest.find_first_of("/?#"));
      out_.rest = std::string(rest.substr(authority.size()));
      if (!out_.rest.empty() && out_.scheme.empty()) {
        return wrong("has something after the host", "leave it out, or put https:// in front");
      }
    }
    TRY(parse_authority(authority));
    return std::move(out_);
  }

 private:
  tl::unexpected<Error> wrong(const std::string& message, const std::string& remedy) const {
    const bool rule = form_ == Form::kRule;
    return fail(input_error(rule ? ErrorCode::kInvalidConfiguration : ErrorCode::kInvalidArgument,
                            "host", text::shorten(text::one_line(text_), 200), message, remedy));
  }

  Status check_characters() const {
    if (text_.empty()) return wrong("is empty", kWriteHost);
    if (text_.size() > kMostText) return wrong("is longer than 4096 bytes", "shorten it");
    for (const char c : text_) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte > 126) {
        return wrong("has a character that no host name in DNS has",
                     "write the name in its ASCII form, which begins with xn--");
      }
      if (byte <= ' ') return wrong("has a blank or a control character", "leave it out");
      // Browsers read it as '/', most other programs do not.
      if (c == '\\') return wrong("has a backslash", "leave it out");
    }
    return {};
  }

  Result<std::string_view> take_scheme(std::string_view text) {
    const std::size_t end = text.find("://");
    if (end == std::string_view::npos) return text;
    std::string scheme(text.substr(0, end));
    std::transform(scheme.begin(), scheme.end(), scheme.begin(), lower);
    if (scheme != "http" && scheme != "https") {
      return wrong("has another scheme than http:// and https://",
                   "leave the scheme out and name the port, as in example.org:22");
    }
    out_.scheme = std::move(scheme);
    out_.low_port = out_.high_port = out_.scheme == "http" ? 80 : 443;
    return text.substr(end + 3);
  }

  Status parse_authority(std::string_view authority) {
    if (authority.find('@') != std::string_view::npos) {
      return wrong("names a user", "leave out what is in front of @, and @");
    }
    if (authority.find_first_of("?#") != std::string_view::npos) {
      return wrong("has something after the host", "name the host alone");
    }
    if (authority.starts_with('[')) return parse_bracketed(authority);
    const auto colons = std::count(authority.begin(), authority.end(), ':');
    if (colons > 1) {
      if (!out_.scheme.empty()) {
        return wrong("has an IPv6 address without brackets", "write it like http://[::1]:80");
      }
      return set_range(authority);
    }
    const std::size_t colon = authority.find(':');
    TRY(parse_host(authority.substr(0, colon)));
    return colon == std::string_view::npos ? Status() : parse_port(authority.substr(colon + 1));
  }

  Status parse_bracketed(std::string_view authority) {
    const std::size_t end = authority.find(']');
    const std::string_view inside = authority.substr(1, end - 1);
    if (end == std::string_view::npos || inside.find(':') == std::string_view::npos) {
      return wrong("has brackets around no IPv6 address", "write it like [::1]:80");
    }
    TRY(set_range(inside));
    const std::string_view after = authority.substr(end + 1);
    if (after.empty()) return {};
    if (after.front() == ':') return parse_port(after.substr(1));
    return wrong("has something between ] and the port",
                 "write an address like [::1]:80 and a range like [fd00::/8]:443");
  }

  Status set_range(std::string_view text) {
    auto range = parse_address_range(text);
    if (!range) return wrong(range.error().message, range.error().remedy);
    if (form_ == Form::kDestination && !is_single(*range)) {
      return wrong("is a range of addresses", "name one of them");
    }
    out_.range = *range;
    return {};
  }

  Status parse_host(std::string_view host) {
    if (form_ == Form::kRule) {
      if (const std::size_t slash = host.find('/'); slash != std::string_view::npos) {
        if (!ends_in_number(host.substr(0, slash))) {
          return wrong("has something after the host", "name the host alone, without / and path");
        }
        return set_range(host);
      }
      out_.below = host == "*" || host.starts_with("*.");
      if (host == "*") return {};
      if (out_.below) host.remove_prefix(2);
    }
    if (host.find('*') != std::string_view::npos) {
      return form_ == Form::kRule
                 ? wrong("has * elsewhere than in front", "write * or *.example.org")
                 : wrong("is a pattern", "name one host");
    }
    if (!out_.below && ends_in_number(host)) return set_range(host);
    return parse_name(host);
  }

  // As browsers decide that a host is an IPv4 address, however it is written.
  static bool ends_in_number(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const std::size_t dot = host.rfind('.');
    std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
    if (last.empty()) return false;
    if (std::all_of(last.begin(), last.end(), is_digit)) return true;
    if (!last.starts_with("0x") && !last.starts_with("0X")) return false;
    last.remove_prefix(2);
    return std::all_of(last.begin(), last.end(),
                       [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); });
  }

  Status parse_name(std::string_view host) {
    std::string name(host);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    if (name.ends_with('.')) name.pop_back();
    if (name.empty()) return wrong("names no host", kWriteHost);
    if (name.size() > kMostName) return wrong("is longer than 253 characters", "shorten it");
    for (const std::string& label : text::split(name, '.')) {
      if (label.empty()) return wrong("has an empty part between dots", "leave out one dot");
      if (label.size() > kMostLabel) return wrong("has a part of more than 63 characters", "");
      const bool plain = std::all_of(label.begin(), label.end(), [](char c) {
        return is_lower(c) || is_digit(c) || c == '-' || c == '_';
      });
      if (!plain) return wrong("has a character that no host name has", kWriteHost);
      if (label.front() == '-' || label.back() == '-') {
        return wrong("has a part that begins or ends with -", kWriteHost);
      }
    }
    if (ends_in_number(name)) return wrong("ends like an address", "leave out *. in front of it");
    out_.name = std::move(name);
    return {};
  }

  Status parse_port(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto low = port(text.substr(0, dash));
    const auto high = dash == std::string_view::npos ? low : port(text.substr(dash + 1));
    if (!low || !high || *low > *high) {
      return wrong("has no port from 1 to 65535 after \":\"",
                   "write a port as :443" +
                       std::string(form_ == Form::kRule ? " or a range as :8000-8999" : ""));
    }
    if (form_ == Form::kDestination && dash != std::string_view::npos) {
      return wrong("has a range of ports", "name one port");
    }
    out_.has_port = true;
    // Every port there is: the same as none said.
    out_.low_port = *low == 1 && *high == 65535 ? std::uint16_t{0} : *low;
    out_.high_port = *high;
    return {};
  }

  static std::optional<std::uint16_t> port(std::string_view digits) {
    if (digits.empty() || digits.size() > 5 || digits.front() == '0') return std::nullopt;
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
    unsigned value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value <= 65535 ? std::optional(static_cast<std::uint16_t>(value)) : std::nullopt;
  }

  std::string_view text_;
  Form form_;
  Parsed out_;
};

}  // namespace

const char* to_string(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNone:
      return "none";
    case NetworkMode::kProxy:
      return "proxy";
    case NetworkMode::kHost:
      return "host";
  }
  return "";
}

Result<HostRule> parse_host_rule(std::string_view text) {
  Parsed parsed = TRY(HostParser(text, Form::kRule).parse());
  HostRule rule;
  rule.text = std::string(text);
  rule.scheme = std::move(parsed.scheme);
  rule.name = std::move(parsed.name);
  rule.below = parsed.below;
  rule.range = parsed.range;
  rule.low_port = parsed.low_port;
  rule.high_port = parsed.high_port;
  return rule;
}

std::string canonical_text(const HostRule& rule) {
  std::string out;
  if (!rule.scheme.empty()) out += rule.scheme + "://";
  const int implied = rule.scheme == "http" ? 80 : rule.scheme == "https" ? 443 : -1;
  const bool any_port = rule.low_port == 0 && rule.high_port == 65535;
  const bool says_port =
      implied < 0 ? !any_port : rule.low_port != implied || rule.high_port != implied;
  if (rule.range) {
    const bool brackets = rule.range->family == 6 && (says_port || !rule.scheme.empty());
    const std::string range = to_string(*rule.range);
    out += brackets ? "[" + range + "]" : range;
  } else {
    out += rule.below ? (rule.name.empty() ? "*" : "*." + rule.name) : rule.name;
  }
  if (!says_port) return out;
  out += ":" + std::to_string(any_port ? 1 : rule.low_port);
  if (rule.high_port != rule.low_port) out += "-" + std::to_string(rule.high_port);
  return out;
}

Result<Destination> parse_destination(std::string_view text) {
  Parsed parsed = TRY(HostParser(text, Form::kDestination).parse());
  Destination out;
  out.scheme = std::move(parsed.scheme);
  out.name = std::move(parsed.name);
  out.range = parsed.range;
  out.port = parsed.has_port || !out.scheme.empty() ? parsed.low_port : std::uint16_t{0};
  if (out.scheme == "http") {
    out.path = parsed.rest.substr(0, parsed.rest.find_first_of("?#"));
    if (out.path.empty()) out.path = "/";
  }
  return out;
}

}  // namespace mayfly::sandbox
