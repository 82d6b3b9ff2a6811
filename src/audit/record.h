#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/json.h"
#include "audit/key.h"

// One record as one line:
//   {"seq":7,"time":"2026-11-22T10:03:11.042Z","chain":"…","event":"call",…,"prev":"…","hash":"…","mac":"…"}
// `hash` is the SHA-256 of the line up to and with `prev`, closed with }; `mac` confirms `hash`
// with the operator's key. Only printable ASCII: everything else is escaped.
namespace mayfly::audit {

inline constexpr std::size_t kMostLineBytes = 64U << 10;
// `prev` of a chain's first record.
std::string no_hash();

// "2026-11-22T10:03:11.042Z", of now.
std::string now_text();

// `fields` with long texts cut until they have at most `bytes` as a line. What was cut says how
// long it was, and its SHA-256's first 16 digits.
Json bounded(Json fields, std::size_t bytes);

struct Sealed {
  std::string line;  // with its newline
  std::string hash;
};
Sealed seal(std::uint64_t seq, const std::string& chain, std::string_view event, Json fields,
            const std::string& prev, const Key& key);

// A line, taken apart again.
struct Opened {
  ReadJson fields;
  std::uint64_t seq = 0;
  std::string chain, prev, hash, mac;
  bool hash_holds = false;
};
// Nothing if it is no record: no JSON object, without one of these, or nested deeper than any of
// ours. `line` without its newline.
std::optional<Opened> open_record(std::string_view line);

// seq and chain of a line, without parsing it all; nothing unless hash and mac hold.
struct Label {
  std::uint64_t seq = 0;
  std::string chain;
};
std::optional<Label> label_of(std::string_view line, const Key& key);

}  // namespace mayfly::audit
