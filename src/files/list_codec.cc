#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/wire.h"
#include "files/list.h"

namespace mayfly::files {
namespace {

// A bool or an enumeration may hold no other value than its own, so neither is copied from bytes.
template <typename T>
void put_small(wire::Writer& out, T value) {
  out.put(static_cast<std::uint8_t>(value));
}

bool get_bool(wire::Reader& in) { return in.get<std::uint8_t>() != 0; }

void put(wire::Writer& out, const ListEntry& entry) {
  out.put(entry.path);
  put_small(out, entry.kind);
  out.put(entry.size).put(entry.link).put(entry.modified_ns);
  put_small(out, entry.executable);
  put_small(out, entry.entries_known);
}

// False if there is no such kind.
bool get(wire::Reader& in, ListEntry& entry) {
  entry.path = in.get<std::string>();
  const auto kind = in.get<std::uint8_t>();
  entry.kind = static_cast<ListEntry::Kind>(kind);
  entry.size = in.get<std::uint64_t>();
  entry.link = in.get<std::string>();
  entry.modified_ns = in.get<std::int64_t>();
  entry.executable = get_bool(in);
  entry.entries_known = get_bool(in);
  return kind <= static_cast<std::uint8_t>(ListEntry::Kind::kUnknown);
}

}  // namespace

std::string encode(const ListRequest& request) {
  wire::Writer out;
  out.put(request.target.area).put(request.target.path).put(request.target.shown);
  out.put(request.depth).put(request.glob);
  put_small(out, request.ignore);
  return out.put(request.offset).put(request.max_entries).take();
}

Result<ListRequest> decode_list_request(std::string_view bytes) {
  wire::Reader in(bytes);
  ListRequest request;
  request.target.area = in.get<std::string>();
  request.target.path = in.get<std::string>();
  request.target.shown = in.get<std::string>();
  request.depth = in.get<std::uint32_t>();
  request.glob = in.get<std::string>();
  request.ignore = get_bool(in) ? IgnoreFiles::kHonour : IgnoreFiles::kDisregard;
  request.offset = in.get<std::uint64_t>();
  request.max_entries = in.get<std::uint64_t>();
  if (!in.finished()) return fail(system_error("decode a listing's request", EBADMSG));
  return request;
}

std::string encode(const Result<ListAnswer>& answer) {
  wire::Writer out;
  put_small(out, answer.has_value());
  if (!answer) return out.put(answer.error()).take();
  out.put(std::uint32_t(answer->entries.size()));
  for (const ListEntry& entry : answer->entries) put(out, entry);
  out.put(answer->total);
  put_small(out, answer->total_exact);
  return out.put(answer->ignored).put(answer->unreadable).take();
}

Result<ListAnswer> decode_list_answer(std::string_view bytes) {
  wire::Reader in(bytes);
  ListAnswer answer;
  Error error;
  bool valid = true;
  const bool good = get_bool(in);
  if (good) {
    const auto entries = in.get<std::uint32_t>();
    for (std::uint32_t i = 0; valid && in.ok() && i < entries; ++i) {
      valid = get(in, answer.entries.emplace_back());
    }
    answer.total = in.get<std::uint64_t>();
    answer.total_exact = get_bool(in);
    answer.ignored = in.get<std::uint64_t>();
    answer.unreadable = in.get_all<std::string>();
  } else {
    error = in.get<Error>();
  }
  if (!valid || !in.finished()) {
    Error broken = system_error("decode a listing's answer", EBADMSG);
    broken.code = ErrorCode::kSandboxLost;
    return fail(std::move(broken));
  }
  if (!good) return fail(std::move(error));
  return answer;
}

}  // namespace mayfly::files
