#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::sandbox {

// User and group ids as a thread has them and as its user namespace maps them. In a sandbox with
// namespaces of its own, init's namespace and the program's map one id each, by the same number
// (payload.cc), so that what init reads is what the program means.
class IdView {
 public:
  enum class Of { kUser, kGroup };
  // From /proc/THREAD. What cannot be read is empty, and then nothing is mapped.
  static IdView of_thread(pid_t thread, Of of);
  // The same from the texts: of uid_map or gid_map, and of status.
  static IdView parse(std::string_view map, std::string_view status, Of of);

  bool readable() const { return !map_.empty() && own_.size() >= 3; }
  bool maps(std::uint32_t id) const;
  bool is_real(std::uint32_t id) const { return id == own_[0]; }
  bool is_effective(std::uint32_t id) const { return id == own_[1]; }
  bool is_saved(std::uint32_t id) const { return id == own_[2]; }
  bool is_group(std::uint32_t id) const;  // Of::kGroup: the effective or a supplementary one

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> map_;  // first, how many
  std::vector<std::uint32_t> own_;                            // real, effective, saved
  std::vector<std::uint32_t> groups_;
};

}  // namespace mayfly::sandbox
