#include "attempts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace mayfly::test {
namespace {

using Words = std::pair<std::string, std::string>;

Words words_of(const std::string& request) {
  const std::size_t blank = request.find(' ');
  if (blank == std::string::npos) return {request, ""};
  return {request.substr(0, blank), request.substr(blank + 1)};
}

std::string outcome(long result) {
  if (result >= 0) return "done";
  const char* name = ::strerrorname_np(errno);
  return name == nullptr ? "?" : name;
}

std::string slurp(int fd) {
  if (fd < 0) return outcome(fd);
  std::string content;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    content.append(buffer, static_cast<std::size_t>(got));
  }
  return content;
}

int open_path(const std::string& path, int flags = O_RDONLY, mode_t mode = 0) {
  return ::openat(AT_FDCWD, path.c_str(), flags | O_CLOEXEC, mode);
}

long openat2(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH;
  return ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
}

// What this process has open, but for the descriptor that looks.
std::string descriptors() {
  std::string found;
  for (int fd = 0; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) found += std::to_string(fd) + " ";
  }
  return found;
}

std::string status_lines() {
  const std::string status = slurp(open_path("/proc/self/status"));
  std::string found;
  for (const char* name : {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:", "NoNewPrivs:", "Seccomp:"}) {
    const std::size_t at = status.find(name);
    if (at == std::string::npos) continue;
    std::string line = status.substr(at, status.find('\n', at) - at);
    for (char& c : line) c = c == '\t' ? ' ' : c;
    found += line + "\n";
  }
  return found;
}

std::string list(const std::string& path) {
  std::string found;
  const int fd = open_path(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return outcome(fd);
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) return outcome(-1);
  while (const dirent* entry = ::readdir(directory)) found += std::string(entry->d_name) + "\n";
  return found;
}

std::string fork_one() {
  const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  return outcome(child);
}

std::string use_memory() {
  constexpr std::size_t kStep = 1U << 20;
  while (true) {
    void* more = ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) return "ENOMEM";
    std::memset(more, 1, kStep);
  }
}

std::string loop() {
  while (true) ::sched_yield();
}

std::string crash() {
  volatile int* nothing = nullptr;
  *nothing = 1;
  return "done";
}

std::string make_with(const std::string& path, mode_t mode) {
  return outcome(open_path(path, O_CREAT | O_EXCL | O_WRONLY, mode));
}

std::string write_whole(const std::string& path) {
  const int fd = open_path(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (fd < 0) return outcome(fd);
  return outcome(::write(fd, "written", 7));
}

std::string change_mode(const std::string& path, mode_t mode) {
  const int fd = open_path(path);
  if (fd < 0) return outcome(fd);
  return outcome(::syscall(SYS_fchmod, fd, mode));
}

using Attempt = std::function<std::string(const std::string&)>;

const std::map<std::string, Attempt>& known() {
  static const std::map<std::string, Attempt> attempts = {
      {"read", [](const std::string& path) { return slurp(open_path(path)); }},
      {"list", list},
      {"big", [](const std::string& size) { return std::string(std::stoul(size), 'x'); }},
      {"descriptors", [](const std::string&) { return descriptors(); }},
      {"status", [](const std::string&) { return status_lines(); }},
      {"exec",
       [](const std::string&) {
         char* const argv[] = {const_cast<char*>("/usr/bin/true"), nullptr};
         return outcome(::execve(argv[0], argv, nullptr));
       }},
      {"socket", [](const std::string&) { return outcome(::socket(AF_INET, SOCK_STREAM, 0)); }},
      {"fork", [](const std::string&) { return fork_one(); }},
      {"openat2", [](const std::string& path) { return outcome(openat2(path)); }},
      {"write", write_whole},
      {"set-id", [](const std::string& path) { return make_with(path, 04755); }},
      {"create", [](const std::string& path) { return make_with(path, 0644); }},
      {"chmod", [](const std::string& path) { return change_mode(path, 0600); }},
      {"chmod-set-id", [](const std::string& path) { return change_mode(path, 04755); }},
      {"rename",
       [](const std::string& path) {
         return outcome(::syscall(SYS_renameat2, AT_FDCWD, path.c_str(), AT_FDCWD,
                                  (path + ".new").c_str(), 0));
       }},
      {"unlink",
       [](const std::string& path) {
         return outcome(::syscall(SYS_unlinkat, AT_FDCWD, path.c_str(), 0));
       }},
      {"executable-memory",
       [](const std::string&) {
         void* page =
             ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return outcome(page == MAP_FAILED ? -1 : 0);
       }},
      {"map",
       [](const std::string&) {
         return outcome(::syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */));
       }},
      {"memory", [](const std::string&) { return use_memory(); }},
      {"loop", [](const std::string&) { return loop(); }},
      {"crash", [](const std::string&) { return crash(); }},
      {"abort", [](const std::string&) -> std::string { std::abort(); }},
      {"throw", [](const std::string&) -> std::string { throw std::runtime_error("no"); }},
  };
  return attempts;
}

class Run : public sandbox::TaskRun {
 public:
  Run(Words words, int opened) : words_(std::move(words)), opened_(opened) {}
  std::string run() override {
    if (opened_ != kNothingOpened) return slurp(opened_);
    const auto found = known().find(words_.first);
    return found == known().end() ? "what?" : found->second(words_.second);
  }
  static constexpr int kNothingOpened = -2;

 private:
  const Words words_;
  const int opened_;
};

std::unique_ptr<sandbox::TaskRun> prepare(const std::string& request) {
  Words words = words_of(request);
  int opened = Run::kNothingOpened;
  if (words.first == "nothing") return nullptr;
  if (words.first == "prepare-throw") throw std::bad_alloc();
  if (words.first == "prepare-abort") std::abort();
  if (words.first == "open") opened = open_path(words.second);
  if (words.first == "beneath") opened = static_cast<int>(openat2(words.second));
  // A second lock: who writes nothing may not even where only the filter's absence would let it.
  if (words.first == "prepare-write") {
    const std::string told = write_whole(words.second);
    words = {"big", told == "done" ? "1" : "2"};
  }
  return std::make_unique<Run>(std::move(words), opened);
}

}  // namespace

sandbox::TaskTable attempts() {
  static const sandbox::Task tasks[] = {{"reader", sandbox::TaskWrites::kNothing, prepare},
                                        {"writer", sandbox::TaskWrites::kFiles, prepare}};
  return tasks;
}

}  // namespace mayfly::test
