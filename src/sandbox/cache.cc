#include "sandbox/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/sys.h"
#include "sandbox/beneath.h"
#include "sandbox/remove_tree.h"

namespace mayfly::sandbox {
namespace {

struct Kept {
  const char* name;    // below the set: one component, so that nothing hostile is ever a parent
  const char* inside;  // below the home directory
};

// Of pnpm only the store: its directory also holds the user's global programs.
constexpr Kept kKept[] = {
    {"cache", ".cache"},
    {"npm", ".npm"},
    {"cargo-registry", ".cargo/registry"},
    {"cargo-git", ".cargo/git"},
    {"go", "go"},
    {"m2", ".m2"},
    {"gradle", ".gradle"},
    {"ivy2", ".ivy2"},
    {"sbt", ".sbt"},
    {"pnpm-store", ".local/share/pnpm/store"},
    {"yarn-berry", ".yarn/berry"},
    {"bun", ".bun/install/cache"},
    {"nuget", ".nuget"},
    {"gem", ".local/share/gem"},
    {"cabal", ".cabal"},
};

constexpr const char* kSets = "sets";
constexpr const char* kTrash = "trash";
constexpr const char* kStamp = "stamp";

// FNV-1a: the names must be the same in every build, for years. Not a defence: the full path is
// the user's own, and a collision would only share a cache.
std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

std::string readable(const std::string& text, std::size_t limit) {
  std::string name;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    if (name.size() < limit) name += plain ? c : '_';
  }
  return name.empty() ? "_" : name;
}

std::string set_name(const CacheLocation& location) {
  std::array<char, 17> hash{};
  std::snprintf(
      hash.data(), hash.size(), "%016llx",
      static_cast<unsigned long long>(fnv1a(location.workspace + '\0' + location.profile)));
  const std::string base = location.workspace.substr(location.workspace.rfind('/') + 1);
  return readable(base, 40) + "-" + hash.data() + "-" + readable(location.profile, 40);
}

Error refused(const std::string& what, const std::string& why) {
  return input_error(ErrorCode::kPathRefused, "cache", what, why,
                     "remove it, or set XDG_CACHE_HOME to a directory of your own");
}

// One directory below `parent`, created if missing, which must be `uid`'s own.
Result<OwnedFd> enter(int parent, const std::string& name, uid_t uid, gid_t gid) {
  const bool created = mkdirat(parent, name.c_str(), 0700) == 0;
  if (!created && errno != EEXIST) return fail(system_error("mkdirat " + name, errno));
  auto directory = beneath::open(parent, name, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    const int number = directory.error().os_errno;
    if (number == ELOOP || number == ENOTDIR) return fail(refused(name, "is not a directory"));
    if (number == EACCES) return fail(refused(name, "belongs to somebody else"));
    return directory;
  }
  struct ::stat info = TRY(sys::fstat(directory->get()));
  if (created && (info.st_uid != uid || info.st_gid != gid)) {
    if (fchown(directory->get(), uid, gid) != 0 && info.st_uid != uid) {
      const int number = errno;
      (void)unlinkat(parent, name.c_str(), AT_REMOVEDIR);
      return fail(system_error("fchown " + name, number));
    }
    info = TRY(sys::fstat(directory->get()));
  }
  if (info.st_uid != uid) {
    return fail(refused(
        name, "belongs to uid " + std::to_string(info.st_uid) + ", not to " + std::to_string(uid)));
  }
  if ((info.st_mode & 0777U) != 0700U && fchmod(directory->get(), 0700) != 0) {
    return fail(system_error("fchmod " + name, errno));
  }
  return directory;
}

Result<OwnedFd> enter_own(int parent, const std::string& name) {
  return enter(parent, name, geteuid(), getegid());
}

// The directory that holds the root is the operator's choice, and may be behind a link; from the
// root on nothing is.
Result<OwnedFd> open_root(const std::string& root) {
  if (root.empty() || root.front() != '/') return fail(refused(root, "is not an absolute path"));
  const std::string parent = beneath::parent_of(root);
  TRY(sys::mkdir_parents(parent, 0700));
  const OwnedFd directory = TRY(sys::open(parent, O_PATH | O_DIRECTORY));
  return enter_own(directory.get(), beneath::name_of(root));
}

// An existing directory of the cache, for its upkeep.
Result<OwnedFd> open_existing(int parent, const char* name) {
  auto directory = beneath::open(parent, name, O_RDONLY | O_DIRECTORY);
  if (!directory) return directory;
  if (TRY(sys::fstat(directory->get())).st_uid != geteuid()) {
    return fail(refused(name, "belongs to somebody else"));
  }
  return directory;
}

Result<OwnedFd> open_stamp(int set) {
  auto stamp = sys::openat(set, kStamp, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (!stamp) return stamp;
  const struct ::stat info = TRY(sys::fstat(stamp->get()));
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
    return fail(refused(kStamp, "is not a file of this user"));
  }
  return stamp;
}

struct CloseDirectory {
  void operator()(DIR* stream) const { (void)closedir(stream); }
};

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  auto again = beneath::open(directory, "", O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, CloseDirectory> stream(again ? fdopendir(again->release()) : nullptr);
  while (const dirent* item = stream ? readdir(stream.get()) : nullptr) {
    const std::string name = item->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Candidate {
  std::string name;
  std::uint64_t bytes = 0;
  timespec used{};
};

std::vector<Candidate> candidates_in(int sets) {
  std::vector<Candidate> candidates;
  for (const std::string& name : names_in(sets)) {
    Candidate candidate{name, disk_usage(sets, name), {}};
    if (auto set = beneath::open(sets, name, O_PATH | O_DIRECTORY)) {
      struct ::stat info {};
      if (fstatat(set->get(), kStamp, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        candidate.used = info.st_mtim;
      }
    }
    candidates.push_back(std::move(candidate));
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.used.tv_sec != b.used.tv_sec) return a.used.tv_sec < b.used.tv_sec;
    if (a.used.tv_nsec != b.used.tv_nsec) return a.used.tv_nsec < b.used.tv_nsec;
    return a.name < b.name;
  });
  return candidates;
}

// Takes the set out of sight while its lock is held, so that nobody starts to use it half removed.
// False if it is in use.
Result<bool> move_to_trash(int sets, int trash, const std::string& name) {
  OwnedFd stamp;
  if (auto set = beneath::open(sets, name, O_RDONLY | O_DIRECTORY)) {
    if (auto opened = open_stamp(set->get())) {
      stamp = *std::move(opened);
      if (flock(stamp.get(), LOCK_EX | LOCK_NB) != 0) return false;
    }
  }
  for (int number = 1;; ++number) {
    const std::string aside = std::to_string(getpid()) + "-" + std::to_string(number);
    if (renameat(sets, name.c_str(), trash, aside.c_str()) == 0) return true;
    if (errno == ENOENT) return true;
    if ((errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) || number == 10000) {
      return fail(system_error("renameat " + name, errno));
    }
  }
}

Result<CacheReport> shrink(const std::string& path, std::uint64_t max_bytes) {
  CacheReport report;
  auto parent = sys::open(beneath::parent_of(path), O_PATH | O_DIRECTORY);
  if (!parent && parent.error().os_errno == ENOENT) return report;
  if (!parent) return fail(std::move(parent).error());
  auto root = open_existing(parent->get(), beneath::name_of(path).c_str());
  if (!root && root.error().os_errno == ENOENT) return report;
  if (!root) return fail(std::move(root).error());
  auto sets = open_existing(root->get(), kSets);
  if (!sets && sets.error().os_errno == ENOENT) return report;
  if (!sets) return fail(std::move(sets).error());
  const OwnedFd trash = TRY(enter_own(root->get(), kTrash));

  const std::vector<Candidate> candidates = candidates_in(sets->get());
  for (const Candidate& candidate : candidates) report.bytes_before += candidate.bytes;
  report.bytes_after = report.bytes_before;
  for (const Candidate& candidate : candidates) {
    if (report.bytes_after <= max_bytes && max_bytes != 0) break;
    const auto moved = move_to_trash(sets->get(), trash.get(), candidate.name);
    if (!moved) {
      report.failed.push_back(candidate.name + ": " + moved.error().message);
    } else if (!*moved) {
      report.in_use.push_back(candidate.name);
    } else {
      report.removed.push_back(candidate.name);
      report.bytes_after -= candidate.bytes;
    }
  }
  // Also what an earlier removal left behind.
  for (const std::string& name : names_in(trash.get())) {
    if (auto gone = remove_tree(trash.get(), name); !gone) {
      report.failed.push_back(name + ": " + gone.error().message);
    }
  }
  return report;
}

}  // namespace

std::vector<std::string> cached_directories() {
  std::vector<std::string> out;
  for (const Kept& kept : kKept) out.emplace_back(kept.inside);
  return out;
}

Result<CacheSet> open_cache(const CacheLocation& location) {
  const OwnedFd root = TRY_TO("open the cache " + location.root, open_root(location.root));
  const OwnedFd sets = TRY(enter_own(root.get(), kSets));
  const std::string name = set_name(location);

  // Another server may be removing the set: then it is gone from its name once we hold the lock.
  for (int attempt = 0;; ++attempt) {
    const OwnedFd set = TRY_TO("open the cache " + name, enter_own(sets.get(), name));
    OwnedFd stamp = TRY(open_stamp(set.get()));
    while (flock(stamp.get(), LOCK_SH) != 0) {
      if (errno != EINTR) return fail(system_error("flock " + name, errno));
    }
    const struct ::stat held = TRY(sys::fstat(set.get()));
    struct ::stat named {};
    if (fstatat(sets.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        named.st_ino != held.st_ino || named.st_dev != held.st_dev) {
      if (attempt == 20) return fail(system_error("open the cache " + name, EAGAIN));
      continue;
    }
    (void)futimens(stamp.get(), nullptr);

    CacheSet cache;
    cache.path = location.root + "/" + kSets + "/" + name;
    cache.lock = std::move(stamp);
    for (const Kept& kept : kKept) {
      (void)TRY_TO("open the cache " + name,
                   enter(set.get(), kept.name, location.owner_uid, location.owner_gid));
      cache.directories.push_back({cache.path + "/" + kept.name, kept.inside});
    }
    return cache;
  }
}

Result<CacheReport> trim_cache(const std::string& root, std::uint64_t max_bytes) {
  return shrink(root, std::max<std::uint64_t>(max_bytes, 1));
}

Result<CacheReport> clear_cache(const std::string& root) { return shrink(root, 0); }

}  // namespace mayfly::sandbox
