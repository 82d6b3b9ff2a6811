#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/linux/plan.h"

// Which path rules of a policy take part in a sandbox's tree, and in what order. What lies deeper
// is mounted later, so that of nested rules the most specific holds.
namespace mayfly::sandbox {

enum class LayerKind : std::uint8_t {
  kPrivate,   // a directory in memory that every sandbox has
  kMount,     // a path of the host
  kReadOnly,  // a part of the writable mount around it
  kTmpfs,     // a rule's directory in memory
  kHide,
};

struct Layer {
  LayerKind kind{};
  std::string path;
  MountRule mount{};          // kMount, kReadOnly
  std::uint64_t bytes = 0;    // kPrivate, kTmpfs
  std::uint32_t mode = 0700;  // kPrivate, kTmpfs
  std::string rule{};         // kTmpfs
  int around = -1;            // the innermost layer that `path` lies in
  bool every_call = false;    // made anew for every call, because of what it is or lies in
  bool holds_others = false;  // kHide: something shows again below it

  bool writable_mount() const {
    return kind == LayerKind::kMount && mount.access == Access::kWrite;
  }
};

// Outer ones before inner ones. What nobody can see, below something denied or below a pattern, is
// left out, and so is what changes nothing. E2001 for a rule that takes away a workspace or what
// every sandbox needs.
Result<std::vector<Layer>> layers_of(const Policy& policy, const Surroundings& surroundings);
// What Policy::covers denies by name, and where links among it lead.
std::vector<std::string> denied_paths(const Policy& policy);

}  // namespace mayfly::sandbox
