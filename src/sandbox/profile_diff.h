#pragma once

#include <string>
#include <vector>

#include "sandbox/profile.h"

namespace mayfly::sandbox {

// One key, or one element of its list, in which two profiles differ. A value of only one side
// leaves the other's text empty.
struct ProfileChange {
  std::string key;  // "limits.memory"
  std::string before;
  settings::Location before_at;
  std::string after;
  settings::Location after_at;
};

// What the second of two merged profiles permits more and less than the first. Rules are compared
// as they are written: "/usr/share" beside "/usr" is one more.
struct ProfileDiff {
  std::vector<ProfileChange> more;
  std::vector<ProfileChange> less;
  std::vector<ProfileChange> other;  // neither: names, what receipts tell

  bool same() const { return more.empty() && less.empty() && other.empty(); }
};
ProfileDiff diff_profiles(const Profile& before, const Profile& after);

// `limits.memory "75%" (build (shipped):34:10) instead of "auto" (default (shipped):40:10)`.
std::string to_string(const ProfileChange& change);

}  // namespace mayfly::sandbox
