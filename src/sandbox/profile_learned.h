#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/profile_edit.h"
#include "sandbox/report.h"

// The smallest change of a profile that would let the same run pass, from what a run was denied.
// Nothing is changed here.
namespace mayfly::sandbox {

struct Learned {
  // Paths exactly, but three or more in one directory as that directory, if nobody regrets that
  // (private_places.h); limits that were reached, doubled. Each with what it is for as comment.
  std::vector<ProfileWish> wishes;

  // What only a person should decide about, and what nobody can have. One line each.
  struct Remark {
    std::string what;  // "syscall mount"
    std::string why;   // the remedy
    std::string rule;
  };
  std::vector<Remark> decisions;  // system calls and capabilities
  std::vector<Remark> forbidden;  // a rule that somebody wrote stands against it
  std::vector<Remark> never;      // no profile gives it
  std::uint64_t denied = 0;       // how often anything was
  std::uint64_t untold = 0;       // of these, without a word about what it was
};
Learned learn_from(const Report& report, const Policy& policy);

// The wishes as a profile of its own that starts from `profile`. The rest is in comments.
Result<std::string> learned_text(const Learned& learned, const std::string& profile);

// "mayfly profile allow NAME ..."; empty if there is no such command for all of the wishes.
std::string learned_command(const Learned& learned, const std::string& profile);

}  // namespace mayfly::sandbox
