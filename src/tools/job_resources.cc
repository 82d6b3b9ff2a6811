#include "tools/job_resources.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "mcp/jsonrpc.h"
#include "tools/plain_text.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::ResourceContents;

constexpr const char* kText = "text/plain";
constexpr const char* kBytes = "application/octet-stream";

// What a URI asks for.
struct Wanted {
  std::string job_id;
  StreamName stream = StreamName::kStdout;
  std::uint64_t offset = 0;
  std::uint64_t length = JobResources::kDefaultLength;
};

Error not_found(const std::string& uri) {
  return input_error(ErrorCode::kNotFound, "uri", uri, "no such resource",
                     "the output of a job is mayfly://jobs/{job_id}/stdout, or stderr");
}

Error bad_query(std::string_view field, std::string_view value, std::string_view message) {
  return input_error(ErrorCode::kInvalidArgument, field, value, message,
                     "write ?offset=BYTES&length=BYTES, or one of the two, or neither");
}

Result<std::uint64_t> number(std::string_view field, std::string_view value, std::uint64_t low) {
  std::uint64_t out = 0;
  const char* end = value.data() + value.size();
  const auto [stopped, fault] = std::from_chars(value.data(), end, out);
  if (fault != std::errc() || stopped != end || value.empty() || out < low) {
    return fail(bad_query(field, value,
                          "must be a whole number from " + std::to_string(low) + " to 2^64 - 1"));
  }
  return out;
}

Status parse_query(std::string_view query, Wanted& wanted) {
  bool offset_given = false;
  bool length_given = false;
  for (const std::string& part : text::split(query, '&')) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (name == "offset" && !std::exchange(offset_given, true)) {
      wanted.offset = TRY(number(name, value, 0));
    } else if (name == "length" && !std::exchange(length_given, true)) {
      wanted.length = std::min(TRY(number(name, value, 1)), JobResources::kMostLength);
    } else {
      return fail(bad_query("uri", part, "not a part of a range, or given twice"));
    }
  }
  return {};
}

// Nothing is decoded and nothing resolved: an id has no character that would need it, so that every
// resource has exactly one name.
Result<Wanted> parse(const std::string& uri, std::string_view rest) {
  Wanted wanted;
  const std::size_t question = rest.find('?');
  const std::vector<std::string> path = text::split(rest.substr(0, question), '/');
  if (path.size() != 2 || (path[1] != "stdout" && path[1] != "stderr")) {
    return fail(not_found(uri));
  }
  wanted.job_id = path[0];
  if (path[1] == "stderr") wanted.stream = StreamName::kStderr;
  if (question != std::string_view::npos) TRY(parse_query(rest.substr(question + 1), wanted));
  return wanted;
}

// How long `text` gets as a JSON string.
std::size_t json_length(std::string_view text) {
  std::size_t length = 2;
  for (const char c : text) {
    const bool short_escape =
        c == '"' || c == '\\' || c == '\b' || (c >= '\t' && c <= '\r' && c != '\v');
    const bool long_escape = static_cast<unsigned char>(c) < 0x20;
    length += short_escape ? 2 : long_escape ? 6 : 1;
  }
  return length;
}

// NUL is a character too, but one that ends the text for many readers. Base64 always fits.
bool is_sendable_text(std::string_view bytes) {
  constexpr std::size_t kRoomForTheRest = std::size_t{64} << 10;
  return bytes.find('\0') == std::string_view::npos && text::is_utf8(bytes) &&
         json_length(bytes) <= mcp::kMaxMessageBytes - kRoomForTheRest;
}

// From `offset` on, at most `length` bytes.
ResourceContents page_of(const sandbox::OutputStream& stream, std::uint64_t offset,
                         std::uint64_t length, Growth growth) {
  const std::uint64_t total = stream.size();
  offset = std::min(offset, total);
  const std::string bytes =
      stream.read(offset, static_cast<std::size_t>(std::min(length, total - offset)));
  const bool cut = offset + bytes.size() < total;
  const bool more = cut || growth == Growth::kGrowing;
  std::string_view shown = more ? whole_at_end(bytes) : bytes;
  // A page of a piece of a character moves on all the same, unless the rest is still to come.
  if (shown.empty() && cut) shown = bytes;

  ResourceContents page;
  if (is_sendable_text(shown)) {
    page.mime_type = kText;
    page.data = shown;
  } else {
    page.mime_type = kBytes;
    page.form = ResourceContents::Form::kBase64;
    page.data = base64(shown);
  }
  Json range = {{"offset", offset}, {"length", shown.size()}, {"total", total}};
  if (more) range["next_offset"] = offset + shown.size();
  page.meta[kRangeMetaKey] = std::move(range);
  return page;
}

const char* name_of(StreamName stream) {
  return stream == StreamName::kStderr ? "stderr" : "stdout";
}

const char* likely_type(const sandbox::OutputStream& stream) {
  constexpr std::size_t kLookedAt = 4096;
  const std::string first = stream.read(0, kLookedAt);
  return is_sendable_text(whole_at_end(first)) ? kText : kBytes;
}

}  // namespace

std::vector<mcp::Resource> JobResources::list(const std::string& principal) const {
  std::vector<mcp::Resource> all;
  for (const JobTable::Entry& entry : jobs_.list(principal)) {
    // The outcome first: the streams of a finished job do not change any more.
    const bool running = entry.job->outcome() == nullptr;
    for (const auto which : {StreamName::kStdout, StreamName::kStderr}) {
      const char* name = name_of(which);
      const auto stream = which == StreamName::kStdout ? entry.job->out() : entry.job->err();
      if (!stream || (!running && stream->size() == 0)) continue;
      mcp::Resource resource{.uri = stream_uri(entry.id, which),
                             .name = std::string(name) + " of " + entry.id,
                             .title = std::string(name) + ": " + entry.job->summary(),
                             .description = running ? "of a job that is running" : "",
                             .mime_type = likely_type(*stream),
                             .size = {}};
      if (!running) resource.size = stream->size();
      all.push_back(std::move(resource));
    }
  }
  return all;
}

std::vector<mcp::ResourceTemplate> JobResources::templates() const {
  return {{.uri_template = "mayfly://jobs/{job_id}/{stream}{?offset,length}",
           .name = "job output",
           .title = "Output of a job",
           .description = "stream is stdout or stderr; " + text::human_bytes(kDefaultLength) +
                          " a read unless length says otherwise, at most " +
                          text::human_bytes(kMostLength) + "; _meta \"" + kRangeMetaKey +
                          "\" has the next_offset",
           .mime_type = ""}};
}

Result<std::vector<ResourceContents>> JobResources::read(const std::string& uri,
                                                         const std::string& principal) const {
  const Wanted wanted = TRY(parse(uri, std::string_view(uri).substr(prefix().size())));
  const std::shared_ptr<Job> job = TRY(jobs_.find(principal, wanted.job_id));
  const Growth growth = job->outcome() ? Growth::kComplete : Growth::kGrowing;
  const auto stream = wanted.stream == StreamName::kStdout ? job->out() : job->err();
  static const sandbox::OutputStream kNothing;
  std::vector<ResourceContents> pages;
  pages.push_back(page_of(stream ? *stream : kNothing, wanted.offset, wanted.length, growth));
  pages[0].uri = uri;
  return pages;
}

Status JobResources::check(const std::string& uri, const std::string& principal) const {
  const Wanted wanted = TRY(parse(uri, std::string_view(uri).substr(prefix().size())));
  if (uri.find('?') != std::string::npos) {
    return fail(input_error(ErrorCode::kInvalidArgument, "uri", uri, "a range does not change",
                            "subscribe to " + stream_uri(wanted.job_id, wanted.stream)));
  }
  TRY(jobs_.find(principal, wanted.job_id));
  return {};
}

std::string stream_uri(const std::string& job_id, StreamName stream) {
  return "mayfly://jobs/" + job_id + "/" + name_of(stream);
}

std::vector<mcp::ResourceLinkContent> links_of(const Snapshot& call) {
  std::vector<mcp::ResourceLinkContent> links;
  if (call.job_id.empty()) return links;
  for (const auto which : {StreamName::kStdout, StreamName::kStderr}) {
    const std::optional<Excerpt>& shown = which == StreamName::kStdout ? call.out : call.err;
    if (!shown || !shown->truncated) continue;
    const bool text = shown->encoding == Encoding::kUtf8;
    mcp::Resource whole{.uri = stream_uri(call.job_id, which),
                        .name = std::string("all of ") + name_of(which),
                        .title = "",
                        .description = "",
                        .mime_type = text ? kText : kBytes,
                        .size = {}};
    if (!call.running()) whole.size = shown->total;
    links.push_back({std::move(whole)});
  }
  return links;
}

}  // namespace mayfly::tools
