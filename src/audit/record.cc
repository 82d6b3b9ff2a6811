#include "audit/record.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

#include "audit/hash.h"
#include "base/text.h"

namespace mayfly::audit {
namespace {

constexpr int kMostDepth = 32;
// What seal() adds at most: seq, time, chain, event, prev, hash, mac and their names.
constexpr std::size_t kFrameBytes = 512;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string cut_text(const std::string& whole, std::size_t limit) {
  return whole.substr(0, text::floor_boundary(whole, limit)) +
         "[cut: " + std::to_string(whole.size()) + " bytes, sha256 " + sha256(whole).substr(0, 16) +
         "]";
}

void cut(Json& value, std::size_t longest, std::size_t most) {
  if (value.is_string()) {
    auto& said = value.get_ref<std::string&>();
    if (said.size() > longest) said = cut_text(said, longest);
  } else if (value.is_array()) {
    const std::size_t count = value.size();
    if (count > most) {
      value.erase(value.begin() + static_cast<std::ptrdiff_t>(most), value.end());
      value.push_back("[cut: " + std::to_string(count) + " in all]");
    }
    for (Json& each : value) cut(each, longest, most);
  } else if (value.is_object()) {
    // A name is as long as its writer likes, too.
    Json::object_t kept;
    const std::size_t count = value.size();
    for (auto& [name, each] : value.get_ref<Json::object_t&>()) {
      if (kept.size() == most) break;
      cut(each, longest, most);
      kept.push_back({name.size() > longest ? cut_text(name, longest) : name, std::move(each)});
    }
    if (count > most) kept.push_back({"[cut]", std::to_string(count) + " in all"});
    value.get_ref<Json::object_t&>().swap(kept);
  }
}

// A member `"name":"64 digits"` that ends where `text` does.
std::optional<std::string_view> last_member(std::string_view text, std::string_view name) {
  const std::string head = ",\"" + std::string(name) + "\":\"";
  if (text.size() < head.size() + kHashDigits + 1 || text.back() != '"') return std::nullopt;
  const std::size_t at = text.size() - 1 - kHashDigits;
  const std::string_view value = text.substr(at, kHashDigits);
  if (!is_hash(value) || text.substr(at - head.size(), head.size()) != head) return std::nullopt;
  return value;
}

// The line without its seal: `body` ends before `,"hash"`.
struct Parts {
  std::string_view body, hash, mac;
};
std::optional<Parts> parts_of(std::string_view line) {
  if (line.empty() || line.back() != '}') return std::nullopt;
  constexpr std::size_t kMember = sizeof(",\"mac\":\"\"") - 1 + kHashDigits;
  line.remove_suffix(1);
  const auto mac = last_member(line, "mac");
  if (!mac) return std::nullopt;
  line.remove_suffix(kMember);
  const auto hash = last_member(line, "hash");
  if (!hash) return std::nullopt;
  line.remove_suffix(kMember + 1);
  return Parts{line, *hash, *mac};
}

template <typename T>
bool take(const ReadJson& fields, const char* name, T& out) {
  const auto found = fields.find(name);
  if (found == fields.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return false;
  } else if (!found->is_number_unsigned()) {
    return false;
  }
  out = found->get<T>();
  return true;
}

}  // namespace

std::string no_hash() { return std::string(kHashDigits, '0'); }

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                      now - std::chrono::system_clock::from_time_t(seconds))
                      .count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(ms < 0 ? 0 : ms));
  return std::string(text, size) + fraction;
}

Json bounded(Json fields, std::size_t bytes) {
  std::size_t longest = 16U << 10;
  std::size_t most = 512;
  if (dump(fields).size() <= bytes) return fields;
  while (longest > 4) {
    Json less = fields;  // from the whole each time, whose length is told
    cut(less, longest, most);
    if (dump(less).size() <= bytes) return less;
    longest /= 4;
    most = std::max<std::size_t>(most / 4, 32);
  }
  return {{"cut", "the record was larger than a line may be"}};
}

Sealed seal(std::uint64_t seq, const std::string& chain, std::string_view event, Json fields,
            const std::string& prev, const Key& key) {
  Json record = {{"seq", seq}, {"time", now_text()}, {"chain", chain}, {"event", event}};
  fields = bounded(std::move(fields), kMostLineBytes - kFrameBytes);
  for (auto& [name, value] : fields.get_ref<Json::object_t&>()) record[name] = std::move(value);
  record["prev"] = prev;
  Sealed out;
  out.line = dump(record);
  out.hash = sha256(out.line);
  out.line.pop_back();
  out.line +=
      R"(,"hash":")" + out.hash + R"(","mac":")" + key.confirm("record", out.hash) + "\"}\n";
  return out;
}

std::optional<Opened> open_record(std::string_view line) {
  const auto parts = parts_of(line);
  if (!parts) return std::nullopt;
  bool deep = false;
  const auto shallow = [&deep](int depth, ReadJson::parse_event_t, ReadJson&) {
    deep = deep || depth > kMostDepth;
    return !deep;
  };
  Opened out;
  out.fields = ReadJson::parse(line.begin(), line.end(), shallow, false);
  if (deep || !out.fields.is_object()) return std::nullopt;
  std::string event;
  std::string time;
  if (!take(out.fields, "seq", out.seq) || !take(out.fields, "chain", out.chain) ||
      !take(out.fields, "prev", out.prev) || !take(out.fields, "event", event) ||
      !take(out.fields, "time", time)) {
    return std::nullopt;
  }
  out.hash = parts->hash;
  out.mac = parts->mac;
  out.hash_holds = sha256(std::string(parts->body) + "}") == out.hash;
  return out;
}

std::optional<Label> label_of(std::string_view line, const Key& key) {
  constexpr std::string_view kSeq = "{\"seq\":";
  constexpr std::string_view kChain = ",\"chain\":\"";
  const auto parts = parts_of(line);
  if (!parts || !line.starts_with(kSeq)) return std::nullopt;
  if (sha256(std::string(parts->body) + "}") != parts->hash ||
      !same_text(key.confirm("record", parts->hash), parts->mac)) {
    return std::nullopt;
  }
  Label out;
  const char* end = line.data() + line.size();
  if (std::from_chars(line.data() + kSeq.size(), end, out.seq).ec != std::errc()) {
    return std::nullopt;
  }
  const std::size_t chain = line.substr(0, 256).find(kChain);
  if (chain == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(chain + kChain.size());
  out.chain = rest.substr(0, rest.find('"'));
  return out;
}

}  // namespace mayfly::audit
