#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "base/wire.h"
#include "files/edit.h"

namespace mayfly::files {
namespace {

// A bool or an enumeration may hold no other value than its own, so neither is copied from bytes.
template <typename T>
void put_small(wire::Writer& out, T value) {
  out.put(static_cast<std::uint8_t>(value));
}

bool get_bool(wire::Reader& in) { return in.get<std::uint8_t>() != 0; }

}  // namespace

std::string encode(const EditRequest& request) {
  wire::Writer out;
  out.put(request.target.area).put(request.target.path).put(request.target.shown);
  out.put(std::uint32_t(request.edits.size()));
  for (const Edit& edit : request.edits) {
    out.put(edit.old_text).put(edit.new_text);
    put_small(out, edit.replace_all);
  }
  put_small(out, request.matching);
  put_small(out, request.dry_run);
  return out.put(request.expected_digest).put(request.max_diff_chars).take();
}

Result<EditRequest> decode_edit_request(std::string_view bytes) {
  wire::Reader in(bytes);
  EditRequest request;
  request.target.area = in.get<std::string>();
  request.target.path = in.get<std::string>();
  request.target.shown = in.get<std::string>();
  const auto edits = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; in.ok() && i < edits; ++i) {
    Edit edit;
    edit.old_text = in.get<std::string>();
    edit.new_text = in.get<std::string>();
    edit.replace_all = get_bool(in);
    request.edits.push_back(std::move(edit));
  }
  const auto matching = in.get<std::uint8_t>();
  request.matching = static_cast<Matching>(matching);
  request.dry_run = get_bool(in);
  request.expected_digest = in.get<std::string>();
  request.max_diff_chars = in.get<std::uint64_t>();
  if (!in.finished() || matching > static_cast<std::uint8_t>(Matching::kLooseWhitespace)) {
    return fail(system_error("decode an edit's request", EBADMSG));
  }
  return request;
}

std::string encode(const Result<EditAnswer>& answer) {
  wire::Writer out;
  put_small(out, answer.has_value());
  if (!answer) return out.put(answer.error()).take();
  out.put(answer->diff);
  put_small(out, answer->diff_cut);
  out.put(answer->replacements).put(answer->size).put(answer->digest);
  return out.put(answer->other_links).take();
}

Result<EditAnswer> decode_edit_answer(std::string_view bytes) {
  wire::Reader in(bytes);
  EditAnswer answer;
  Error error;
  const bool good = get_bool(in);
  if (good) {
    answer.diff = in.get<std::string>();
    answer.diff_cut = get_bool(in);
    answer.replacements = in.get<std::uint64_t>();
    answer.size = in.get<std::uint64_t>();
    answer.digest = in.get<std::string>();
    answer.other_links = in.get<std::uint64_t>();
  } else {
    error = in.get<Error>();
  }
  if (!in.finished()) {
    Error broken = system_error("decode an edit's answer", EBADMSG);
    broken.code = ErrorCode::kSandboxLost;
    return fail(std::move(broken));
  }
  if (!good) return fail(std::move(error));
  if (!text::is_utf8(answer.diff)) answer.diff = text::repair_utf8(answer.diff);
  return answer;
}

}  // namespace mayfly::files
