#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/sys.h"
#include "settings/file_watch.h"
#include "settings/watched_names.h"

namespace mayfly::settings {
namespace {

// Of a file that is being written only the end matters.
constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                  IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// An editor does several things to save a file: looking before it has done the last would take, or
// complain about, half of a file. And whoever may write beside a file, such as an agent in its
// workspace, must not keep this thread busy.
constexpr int kSettleMs = 50;

// The kernel's watches for one set of names.
class Watches {
 public:
  static Result<Watches> add(const WatchedNames& names) {
    Watches out;
    out.fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!out.fd_.valid()) return fail(system_error("inotify_init1", errno));
    for (const auto& [directory, wanted] : names) {
      const int watch = ::inotify_add_watch(out.fd_.get(), directory.c_str(), kEvents | IN_ONLYDIR);
      if (watch >= 0) {
        out.names_[watch].insert(wanted.begin(), wanted.end());
      } else if (errno == ENOSPC || errno == ENOMEM) {
        return fail(system_error("inotify_add_watch " + directory, errno));
      }  // else it went away, which the caller sees, or cannot be read by us, as its files
    }
    return out;
  }

  int fd() const { return fd_.get(); }

  // Takes all events there are. Whether one of them is of a name, or of a directory itself.
  bool take() const {
    alignas(struct inotify_event) char buffer[16 * 1024];
    bool concerned = false;
    for (ssize_t got = 0; (got = ::read(fd_.get(), buffer, sizeof buffer)) > 0;) {
      for (ssize_t at = 0; at < got;) {
        struct inotify_event event {};
        std::memcpy(&event, buffer + at, sizeof event);
        concerned = concerned || is_ours(event, buffer + at + sizeof event);
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
    }
    return concerned;
  }

 private:
  bool is_ours(const struct inotify_event& event, const char* name) const {
    if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
    const auto watched = names_.find(event.wd);
    if (watched == names_.end()) return false;
    // Without a name it is the directory itself.
    if (event.len == 0) return (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)) != 0;
    return watched->second.contains(name);
  }

  OwnedFd fd_;
  std::map<int, std::set<std::string>> names_;
};

// Again, until no directory came or went while the watches were set up.
Result<Watches> watch(const std::vector<std::string>& files) {
  while (true) {
    const WatchedNames names = watched_names(files);
    Watches watches = TRY(Watches::add(names));
    if (watched_names(files) == names) return watches;
  }
}

// Blocks until there is a reason to look; none means to stop. `watches` may be null.
std::optional<FileWatch::Why> wait(int stop_fd, int ask_fd, const Watches* watches) {
  bool settling = false;
  while (true) {
    const int events_fd = watches != nullptr && !settling ? watches->fd() : -1;
    pollfd fds[] = {{stop_fd, POLLIN, 0}, {ask_fd, POLLIN, 0}, {events_fd, POLLIN, 0}};
    const int ready = ::poll(fds, std::size(fds), settling ? kSettleMs : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || fds[0].revents != 0) return std::nullopt;
    if (fds[1].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = ::read(ask_fd, &count, sizeof count);
      return FileWatch::Why::kAsked;
    }
    settling = ready > 0;
    if (!settling && watches->take()) return FileWatch::Why::kChanged;
  }
}

}  // namespace

Result<std::unique_ptr<FileWatch>> FileWatch::start(int ask_fd, Look look,
                                                    std::function<void(const Error&)> no_room) {
  std::unique_ptr<FileWatch> out(
      new FileWatch(TRY(sys::eventfd()), ask_fd, std::move(look), std::move(no_room)));
  out->thread_.post([watch = out.get()] { watch->run(); });
  return out;
}

FileWatch::FileWatch(OwnedFd stop, int ask_fd, Look look, std::function<void(const Error&)> no_room)
    : stop_(std::move(stop)),
      ask_fd_(ask_fd),
      look_(std::move(look)),
      no_room_(std::move(no_room)) {}

FileWatch::~FileWatch() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.drain();
}

void FileWatch::run() {
  std::vector<std::string> files = look_(Why::kChanged);
  while (true) {
    // Watched first and looked at after that: what changes in between is not missed.
    auto watches = watch(files);
    if (!watches && no_room_ != nullptr) std::exchange(no_room_, nullptr)(watches.error());
    std::vector<std::string> now = look_(Why::kChanged);
    if (now == files) {
      const auto why = wait(stop_.get(), ask_fd_, watches ? &*watches : nullptr);
      if (!why) return;
      now = look_(*why);
    }
    files = std::move(now);
  }
}

}  // namespace mayfly::settings
