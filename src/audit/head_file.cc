#include "audit/head_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "audit/hash.h"
#include "audit/json.h"

namespace mayfly::audit {
namespace {

constexpr std::size_t kSlot = HeadFile::kSlotBytes;
// A log has fewer chains than this; a file of more is not read.
constexpr std::size_t kMostSlots = 1'000'000;
constexpr std::string_view kMac = ",\"mac\":\"";

off_t offset_of(std::size_t slot) { return static_cast<off_t>(slot * kSlot); }

std::string slot_text(const Key& key, const Json& fields) {
  std::string text = fields.dump();
  const std::string mac = key.confirm("head", text);
  text.pop_back();
  text += std::string(kMac) + mac + "\"}";
  text.resize(kSlot - 1, ' ');
  return text + "\n";
}

std::string count_text(const Key& key, std::size_t count) {
  return slot_text(key, {{"slot", 0}, {"format", "mayfly audit heads 1"}, {"chains", count}});
}

std::string head_text(const Key& key, std::size_t slot, const Head& head) {
  return slot_text(key, {{"slot", slot},
                         {"chain", head.chain},
                         {"seq", head.seq},
                         {"hash", head.hash},
                         {"pruned", head.pruned},
                         {"ended", head.ended}});
}

// What a slot says, if it is one and `key`, when there is one, confirms it.
std::optional<ReadJson> fields_of(std::string_view text, const Key* key, std::size_t slot) {
  const std::size_t end = text.find_last_not_of(" \n");
  if (end == std::string_view::npos) return std::nullopt;
  text = text.substr(0, end + 1);
  const std::size_t mac = text.rfind(kMac);
  if (mac == std::string_view::npos || text.size() != mac + kMac.size() + kHashDigits + 2) {
    return std::nullopt;
  }
  const std::string said = std::string(text.substr(0, mac)) + "}";
  const std::string_view given = text.substr(mac + kMac.size(), kHashDigits);
  if (key != nullptr && !same_text(key->confirm("head", said), given)) return std::nullopt;
  ReadJson fields = ReadJson::parse(said, nullptr, false);
  if (!fields.is_object() || fields.value("slot", ReadJson()) != slot) return std::nullopt;
  return fields;
}

std::optional<std::uint64_t> number(const ReadJson& fields, const char* name) {
  const auto found = fields.find(name);
  if (found == fields.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::optional<Head> head_of(const ReadJson& fields) {
  const auto chain = fields.find("chain");
  const auto hash = fields.find("hash");
  const auto ended = fields.find("ended");
  const auto seq = number(fields, "seq");
  const auto pruned = number(fields, "pruned");
  if (chain == fields.end() || !chain->is_string() || hash == fields.end() || !hash->is_string() ||
      ended == fields.end() || !ended->is_boolean() || !seq || !pruned) {
    return std::nullopt;
  }
  return Head{chain->get<std::string>(), *seq, hash->get<std::string>(), *pruned,
              ended->get<bool>()};
}

Result<std::string> read_at(int fd, std::size_t slot) {
  std::string text(kSlot, '\0');
  const ssize_t got = ::pread(fd, text.data(), kSlot, offset_of(slot));
  if (got < 0) return fail(system_error("read the audit log's heads", errno));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

Status write_at(int fd, std::size_t slot, const std::string& text) {
  const ssize_t wrote = ::pwrite(fd, text.data(), text.size(), offset_of(slot));
  if (wrote < 0) return fail(system_error("write the audit log's heads", errno));
  if (static_cast<std::size_t>(wrote) != text.size()) {
    return fail(system_error("write the audit log's heads", ENOSPC));
  }
  return {};
}

Error not_confirmed() {
  return input_error(ErrorCode::kPathRefused, "audit", "",
                     "the file of heads beside the audit log is not confirmed by the key",
                     "look at what `mayfly audit verify` says, then move the log and its .head "
                     "aside");
}

// How many heads there are; nothing if the file is new.
Result<std::optional<std::size_t>> count_of(int fd, const Key& key) {
  const std::string first = TRY(read_at(fd, 0));
  if (first.empty()) return std::nullopt;
  const auto fields = fields_of(first, &key, 0);
  const auto count = fields ? number(*fields, "chains") : std::nullopt;
  if (!count || *count > kMostSlots) return fail(not_confirmed());
  return std::optional<std::size_t>(*count);
}

}  // namespace

Result<HeadFile::Content> HeadFile::read(int fd, const Key* key) {
  Content out;
  const std::string first = TRY(read_at(fd, 0));
  if (first.empty()) return out;
  out.there = true;
  const auto fields = fields_of(first, key, 0);
  const auto count = fields ? number(*fields, "chains") : std::nullopt;
  if (!count) out.faults.push_back({0, "is not confirmed by the key"});
  struct ::stat status {};
  if (::fstat(fd, &status) != 0) return fail(system_error("fstat", errno));
  const std::size_t room = static_cast<std::size_t>(status.st_size) / kSlot;
  // Without a count that can be believed: all that there are.
  const std::size_t said = count ? static_cast<std::size_t>(*count) : (room > 0 ? room - 1 : 0);
  if (said > kMostSlots) {
    out.faults.push_back({0, "counts more chains than a log can have"});
    return out;
  }
  for (std::size_t slot = 1; slot <= said; ++slot) {
    const auto each = fields_of(TRY(read_at(fd, slot)), key, slot);
    auto head = each ? head_of(*each) : std::nullopt;
    if (head) {
      out.heads.push_back(*std::move(head));
    } else if (out.faults.size() < 16) {
      out.faults.push_back({slot, slot >= room ? "is missing" : "is not confirmed by the key"});
    }
  }
  return out;
}

Status HeadFile::put(int fd, const Key& key, const Head& head, std::size_t& slot) {
  auto count = TRY(count_of(fd, key));
  if (!count) {
    TRY(write_at(fd, 0, count_text(key, 0)));
    count = 0;
  }
  Head updated = head;
  const auto is_here = [&](std::size_t at) -> Result<bool> {
    const auto fields = fields_of(TRY(read_at(fd, at)), &key, at);
    const auto there = fields ? head_of(*fields) : std::nullopt;
    if (!there || there->chain != head.chain) return false;
    updated.pruned = there->pruned;
    return true;
  };
  // It may have moved when the file was written anew.
  if (slot > *count || (slot > 0 && !TRY(is_here(slot)))) slot = 0;
  for (std::size_t at = 1; at <= *count && slot == 0; ++at) {
    if (TRY(is_here(at))) slot = at;
  }
  if (slot > 0) return write_at(fd, slot, head_text(key, slot, updated));
  TRY(write_at(fd, *count + 1, head_text(key, *count + 1, head)));
  TRY(write_at(fd, 0, count_text(key, *count + 1)));
  slot = *count + 1;
  return {};
}

Status HeadFile::rewrite(int fd, const Key& key, const std::function<bool(Head&)>& keep) {
  Content content = TRY(read(fd, &key));
  if (!content.faults.empty()) return fail(not_confirmed());
  std::string text;
  std::size_t count = 0;
  for (Head& head : content.heads) {
    if (keep(head)) text += head_text(key, ++count, head);
  }
  // Never longer than before, so that a full disk does not stop it half-way.
  TRY(write_at(fd, 0, count_text(key, count) + text));
  if (::ftruncate(fd, offset_of(count + 1)) != 0) {
    return fail(system_error("shorten the audit log's heads", errno));
  }
  return {};
}

}  // namespace mayfly::audit
