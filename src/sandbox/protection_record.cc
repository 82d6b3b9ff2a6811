#include "sandbox/protection_record.h"

#include <iterator>
#include <utility>

#include "base/wire.h"

namespace mayfly::sandbox {
namespace {

using beneath::Entry;
using beneath::Tree;
using Kind = Entry::Kind;

constexpr const char* kInert = ".sample";

// --- comparing ---

// A directory is compared by who it is, and its files one by one.
bool same_entry(const Entry& a, const Entry& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::kAbsent) return true;
  if (a.kind == Kind::kDirectory) return a.same_object(b);
  return a.untouched_since(b) && a.content_known == b.content_known;
}

bool is_inert(const std::string& name) {
  const std::string_view suffix = kInert;
  return name.size() >= suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// The samples that git puts into the hooks of each new repository are never compared: they would be
// most of a record, and are left out.
enum class Samples : std::uint8_t { kKept, kLeftOut };

Samples samples_of(const GuardedPath& hooks) {
  return hooks.entry.kind == Kind::kDirectory ? Samples::kLeftOut : Samples::kKept;
}

bool same_tree(const Tree& a, const Tree& b, Samples samples) {
  if (a.complete != b.complete) return false;
  const auto next = [samples](const Tree& tree, auto at) {
    while (samples == Samples::kLeftOut && at != tree.entries.end() && is_inert(at->first)) ++at;
    return at;
  };
  auto i = next(a, a.entries.begin());
  auto k = next(b, b.entries.begin());
  while (i != a.entries.end() && k != b.entries.end()) {
    if (i->first != k->first || !same_entry(i->second, k->second)) return false;
    i = next(a, std::next(i));
    k = next(b, std::next(k));
  }
  return i == a.entries.end() && k == b.entries.end();
}

bool same_guarded(const GuardedPath& a, const GuardedPath& b, Samples samples = Samples::kKept) {
  // Of an incomplete tree only the directory's own time can tell that something changed.
  if (!a.tree.complete && !a.entry.untouched_since(b.entry)) return false;
  return same_entry(a.entry, b.entry) && same_entry(a.target, b.target) &&
         same_tree(a.tree, b.tree, samples);
}

bool same_state(const GuardedPath& a, const GuardedPath& b) { return same_guarded(a, b); }
bool same_state(const RepositoryState& a, const RepositoryState& b) { return same(a, b); }

template <typename T>
bool same_map(const std::map<std::string, T>& a, const std::map<std::string, T>& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), k = b.begin(); i != a.end(); ++i, ++k) {
    if (i->first != k->first || !same_state(i->second, k->second)) return false;
  }
  return true;
}

// --- writing ---

void write(wire::Writer& out, const Entry& entry) {
  out.put(entry.kind);
  if (!entry.exists()) return;
  const struct ::stat& info = entry.info;
  out.put(std::uint64_t{info.st_dev}).put(std::uint64_t{info.st_ino});
  out.put(std::uint32_t{info.st_mode}).put(std::uint32_t{info.st_uid});
  out.put(std::uint32_t{info.st_gid}).put(std::int64_t{info.st_size});
  out.put(std::int64_t{info.st_ctim.tv_sec}).put(std::int64_t{info.st_ctim.tv_nsec});
  out.put(entry.content_known);
  if (entry.content_known) out.put(entry.content);
}

void write(wire::Writer& out, const GuardedPath& guarded, Samples samples = Samples::kKept) {
  write(out, guarded.entry);
  write(out, guarded.target);
  out.put(guarded.tree.complete);
  for (const auto& [name, entry] : guarded.tree.entries) {
    if (samples == Samples::kLeftOut && is_inert(name)) continue;
    out.put(name);
    write(out, entry);
  }
  out.put(std::string());
}

void write(wire::Writer& out, const RepositoryState& state) {
  write(out, state.self);
  write(out, state.hooks, samples_of(state.hooks));
  write(out, state.config);
  write(out, state.worktree_config);
  write(out, state.common_directory);
  write(out, state.rebase);
  write(out, state.rebase_todo);
}

template <typename T>
void write(wire::Writer& out, const std::map<std::string, T>& values) {
  out.put(std::uint32_t(values.size()));
  for (const auto& [path, value] : values) {
    out.put(path);
    write(out, value);
  }
}

// --- reading ---

class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : in_(bytes) {}

  Result<ProtectionRecord> read() {
    ProtectionRecord record;
    record.bind = one_of<DirectoryBind>(DirectoryBind::kNone);
    read_all(record.snapshot.common);
    read_all(record.snapshot.named);
    read_all(record.snapshot.repositories);
    for (auto& [path, state] : record.snapshot.repositories) state.path = path;
    if (!plausible_ || !in_.finished()) return fail(system_error("a damaged record", EBADMSG));
    return record;
  }

 private:
  template <typename T>
  T one_of(T last) {
    const auto number = in_.get<std::uint8_t>();
    if (number > static_cast<std::uint8_t>(last)) plausible_ = false;
    return static_cast<T>(number);
  }
  bool flag() { return one_of<std::uint8_t>(1) != 0; }

  std::string path() {
    std::string text = in_.get<std::string>();
    const auto plain = beneath::normal(text);
    if (!plain || *plain != text || text.find('\0') != std::string::npos) plausible_ = false;
    return text;
  }

  void read(Entry& entry) {
    entry.kind = one_of(Kind::kOther);
    if (!entry.exists()) return;
    entry.info.st_dev = in_.get<std::uint64_t>();
    entry.info.st_ino = in_.get<std::uint64_t>();
    entry.info.st_mode = in_.get<std::uint32_t>();
    entry.info.st_uid = in_.get<std::uint32_t>();
    entry.info.st_gid = in_.get<std::uint32_t>();
    entry.info.st_size = in_.get<std::int64_t>();
    entry.info.st_ctim.tv_sec = in_.get<std::int64_t>();
    entry.info.st_ctim.tv_nsec = in_.get<std::int64_t>();
    entry.content_known = flag();
    if (entry.content_known) entry.content = in_.get<std::string>();
    if (entry.content.size() > beneath::kContentLimit) plausible_ = false;
  }

  void read(GuardedPath& guarded) {
    read(guarded.entry);
    read(guarded.target);
    guarded.tree.complete = flag();
    for (std::string name = path(); going_on() && !name.empty(); name = path()) {
      read(guarded.tree.entries[name]);
    }
  }

  void read(RepositoryState& state) {
    read(state.self);
    read(state.hooks);
    read(state.config);
    read(state.worktree_config);
    read(state.common_directory);
    read(state.rebase);
    read(state.rebase_todo);
  }

  template <typename T>
  void read_all(std::map<std::string, T>& values) {
    const auto count = in_.get<std::uint32_t>();
    for (std::uint32_t i = 0; going_on() && i < count; ++i) read(values[path()]);
  }

  bool going_on() const { return plausible_ && in_.ok(); }

  wire::Reader in_;
  bool plausible_ = true;
};

}  // namespace

bool same(const RepositoryState& a, const RepositoryState& b) {
  return same_entry(a.self, b.self) && same_guarded(a.hooks, b.hooks, samples_of(a.hooks)) &&
         same_entry(a.config, b.config) && same_entry(a.worktree_config, b.worktree_config) &&
         same_entry(a.common_directory, b.common_directory) && same_entry(a.rebase, b.rebase) &&
         same_entry(a.rebase_todo, b.rebase_todo);
}

bool same(const ProtectionSnapshot& a, const ProtectionSnapshot& b) {
  return same_map(a.common, b.common) && same_map(a.named, b.named) &&
         same_map(a.repositories, b.repositories);
}

std::string encode(DirectoryBind bind, const ProtectionSnapshot& snapshot) {
  wire::Writer out;
  out.put(bind);
  write(out, snapshot.common);
  write(out, snapshot.named);
  write(out, snapshot.repositories);
  return out.take();
}

Result<ProtectionRecord> decode_protection_record(std::string_view bytes) {
  return RecordReader(bytes).read();
}

}  // namespace mayfly::sandbox
