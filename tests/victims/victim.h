#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

// A victim is a program that attacks the sandbox it runs in, one family of attacks each. It prints
// one line for every attempt and exits with the number of those that succeeded (at most 100), so a
// sandbox that holds is an exit of 0:
//
//   int main() {
//     Victim victim;
//     victim.attempt("unshare CLONE_NEWNET", Alone::kSucceeds,
//                    [] { return probe(unshare(CLONE_NEWNET)); });
//     return victim.result();
//   }
//
// So that no victim passes where there is nothing to break out of, attack.py runs each a second
// time without a sandbox (VICTIM_CONTROL=1) and demands that what is marked kSucceeds succeeds.
namespace mayfly::victim {

// What an attempt does when no sandbox stops it.
enum class Alone {
  kSucceeds,   // is harmless, and succeeds as root in throw-away namespaces
  kUncertain,  // is harmless; whether it succeeds depends on the host
  kDangerous,  // would hurt the machine: never run outside
};

struct Outcome {
  bool succeeded;
  std::string how;
};

inline std::string errno_text(int number) {
  const char* name = strerrorname_np(number);
  return name != nullptr ? name : std::to_string(number);
}

inline Outcome blocked(const std::string& how = errno_text(errno)) { return {false, how}; }
inline Outcome succeeded(const std::string& how) { return {true, how}; }

// For what must fail, for whatever reason.
inline Outcome must_fail(long result) {
  if (result < 0) return blocked();
  return succeeded("returned " + std::to_string(result));
}

// For calls with arguments that cannot work: a filter answers EPERM or ENOSYS; everything else is
// the kernel's own code having looked at them.
inline Outcome probe(long result) {
  if (result < 0 && (errno == EPERM || errno == ENOSYS)) return blocked();
  return succeeded(result < 0 ? "reached the kernel: " + errno_text(errno)
                              : "returned " + std::to_string(result));
}

class Victim {
 public:
  Victim() : control_(std::getenv("VICTIM_CONTROL") != nullptr) { std::setvbuf(stdout, nullptr, _IOLBF, 0); }

  bool in_control() const { return control_; }

  template <typename Attack>
  void attempt(const std::string& name, Alone alone, Attack attack) {
    ++number_;
    if (control_ && alone == Alone::kDangerous) {
      std::printf("%d %s: not run outside\n", number_, name.c_str());
      return;
    }
    errno = 0;
    const Outcome outcome = attack();
    if (outcome.succeeded) ++succeeded_;
    const char* demanded = control_ && alone == Alone::kSucceeds ? " (demanded)" : "";
    std::printf("%d %s: %s %s%s\n", number_, name.c_str(),
                outcome.succeeded ? "SUCCEEDED" : "blocked", outcome.how.c_str(), demanded);
  }

  int result() const { return succeeded_ < 100 ? succeeded_ : 100; }

 private:
  const bool control_;
  int number_ = 0;
  int succeeded_ = 0;
};

inline std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace mayfly::victim
