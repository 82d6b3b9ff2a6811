#include "sandbox/linux/plan_layers.h"

#include <algorithm>
#include <filesystem>

namespace mayfly::sandbox {
namespace {

Error refuse(const std::string& field, const std::string& path, const std::string& why,
             const std::string& remedy) {
  return input_error(ErrorCode::kPathRefused, field, path, why, remedy);
}

std::string field_of(const CoverRule& cover) {
  return std::string("filesystem.") + to_string(cover.kind);
}

bool is_match(const CoverRule& cover, const std::string& path) {
  if (!is_pattern(cover.path)) return cover.path == path;
  return path != fixed_directory(cover.path) && matches(cover.path, path);
}

// Whether `cover` takes away what is mounted at `path` because of a directory above. One that hides
// by name leaves what is mounted below.
bool takes_away(const CoverRule& cover, const std::string& path) {
  const bool reaches_down = is_pattern(cover.path) || cover.kind == CoverKind::kDeny;
  for (std::size_t end = path.rfind('/'); reaches_down && end != 0;
       end = path.rfind('/', end - 1)) {
    if (is_match(cover, path.substr(0, end))) return true;
  }
  return reaches_down && path != "/" && is_match(cover, "/");
}

bool is_kernels(const std::string& path) {
  return is_within(path, "/proc") || is_within(path, "/dev") || is_within(path, "/sys");
}

Status check_cover(const Policy& policy, const CoverRule& cover) {
  const char* const kRemedy = "Name what is inside of it that should not be seen";
  const bool pattern = is_pattern(cover.path);
  const std::string top = pattern ? fixed_directory(cover.path) : cover.path;
  const bool needed = top == "/proc" || is_within(top, "/dev") || (!pattern && top == "/");
  if (needed || (pattern && is_kernels(top))) {
    return fail(refuse(field_of(cover), cover.path, "no sandbox can be without " + top, kRemedy));
  }
  for (const Workspace& workspace : policy.workspaces) {
    if (!is_match(cover, workspace.path) && !takes_away(cover, workspace.path)) continue;
    return fail(refuse(field_of(cover), cover.path, "it takes away the workspace " + workspace.path,
                       kRemedy));
  }
  return {};
}

Status check_place(const std::string& field, const std::string& path) {
  if (path != "/" && path != "/dev" && !is_within(path, "/proc")) return {};
  return fail(refuse(field, path, "nothing can be put there", "Name another place"));
}

// Where a covered link leads now. A sandbox that may change the link does not get at that by doing
// so, as long as the plan is in use. Empty for what is no link or cannot be told.
std::string real_path_of(const Policy& policy, const CoverRule& cover) {
  std::error_code error;
  const std::string real = std::filesystem::canonical(cover.path, error).string();
  if (error || real == cover.path || is_pattern(cover.path)) return "";
  const bool needed = is_kernels(real) || is_within(cover.path, real) ||
                      std::any_of(policy.workspaces.begin(), policy.workspaces.end(),
                                  [&real](const Workspace& w) { return is_within(w.path, real); });
  return needed ? "" : real;
}

std::vector<Layer> all_layers(const Policy& policy, const Surroundings& surroundings) {
  std::vector<Layer> layers;
  const auto has_rule_for = [&policy](const std::string& path) {
    return std::any_of(policy.tmpfs.begin(), policy.tmpfs.end(),
                       [&path](const TmpfsRule& rule) { return rule.destination == path; });
  };
  const auto add_private = [&](const std::string& path, std::uint64_t bytes, std::uint32_t mode) {
    if (has_rule_for(path)) return;
    layers.push_back({.kind = LayerKind::kPrivate, .path = path, .bytes = bytes, .mode = mode});
  };
  const auto add_mount = [&layers](const MountRule& rule) {
    layers.push_back({.kind = LayerKind::kMount, .path = rule.destination, .mount = rule});
  };
  add_private("/tmp", policy.limits.tmp_bytes, 01777);
  add_private(kSharedMemory, policy.limits.shm_bytes, 01777);
  add_private(policy.identity.home, policy.limits.tmp_bytes, 0700);
  for (const MountRule& rule : policy.mounts) add_mount(rule);
  for (const CacheDirectory& cache : surroundings.caches) {
    add_mount({cache.host, policy.identity.home + "/" + cache.inside, Access::kWrite,
               policy.cache->ownership, policy.profile + ": cache"});
  }
  for (const TmpfsRule& rule : policy.tmpfs) {
    const bool shared = rule.destination == "/tmp" || rule.destination == "/var/tmp" ||
                        rule.destination == kSharedMemory;
    layers.push_back({.kind = LayerKind::kTmpfs,
                      .path = rule.destination,
                      .bytes = rule.bytes,
                      .mode = shared ? 01777U : 0700U,
                      .rule = rule.rule});
  }
  // It is a link to /tmp unless something is mounted in it.
  if (std::any_of(layers.begin(), layers.end(),
                  [](const Layer& layer) { return is_within(layer.path, "/var/tmp"); })) {
    add_private("/var/tmp", policy.limits.tmp_bytes, 01777);
  }
  for (const CoverRule& cover : policy.covers) {
    if (cover.kind != CoverKind::kHide || is_pattern(cover.path)) continue;
    layers.push_back({.kind = LayerKind::kHide, .path = cover.path});
    const std::string real = real_path_of(policy, cover);
    if (!real.empty()) layers.push_back({.kind = LayerKind::kHide, .path = real});
  }
  return layers;
}

// Host paths shown as they are: one inside of the other is a part of it.
bool is_part(const Layer& inner, const Layer& outer) {
  const auto as_is = [](const Layer& layer) {
    return (layer.kind == LayerKind::kMount || layer.kind == LayerKind::kReadOnly) &&
           layer.mount.source == layer.mount.destination;
  };
  return inner.path != outer.path && as_is(inner) && as_is(outer);
}

class Arrangement {
 public:
  Arrangement(const Policy& policy, std::vector<Layer> wanted)
      : policy_(policy), wanted_(std::move(wanted)) {}

  std::vector<Layer> make() {
    for (Layer& layer : wanted_) place(layer);
    return std::move(layers_);
  }

 private:
  void place(Layer& layer) {
    for (std::size_t i = layers_.size(); i-- > 0 && layer.around < 0;) {
      if (is_within(layer.path, layers_[i].path)) layer.around = static_cast<int>(i);
    }
    layer.every_call = layer.kind != LayerKind::kMount;
    if (layer.around >= 0) {
      Layer& outer = layers_[std::size_t(layer.around)];
      if (layer.kind == LayerKind::kHide && outer.kind == LayerKind::kHide) return;
      if (layer.kind == LayerKind::kMount && is_part(layer, outer) && in_workspace(layer)) {
        const bool same = layer.mount.access == access_of(outer);
        if (same) return;
        if (layer.mount.access == Access::kRead) layer.kind = LayerKind::kReadOnly;
      }
      // Inside of something writable the way there is looked up anew by every call.
      layer.every_call = layer.every_call || outer.every_call || outer.writable_mount();
      for (int i = layer.around; i >= 0; i = layers_[std::size_t(i)].around) {
        Layer& hidden = layers_[std::size_t(i)];
        if (hidden.kind == LayerKind::kHide) hidden.holds_others = true;
      }
      if (layer.kind == LayerKind::kReadOnly) layer.every_call = true;
    }
    layers_.push_back(std::move(layer));
  }

  // Or in another directory that a sandbox may write.
  bool in_workspace(const Layer& layer) const {
    return std::any_of(policy_.workspaces.begin(), policy_.workspaces.end(),
                       [&layer](const Workspace& w) { return is_within(layer.path, w.path); }) ||
           layers_[std::size_t(layer.around)].writable_mount();
  }
  static Access access_of(const Layer& layer) {
    return layer.kind == LayerKind::kReadOnly ? Access::kRead : layer.mount.access;
  }

  const Policy& policy_;
  std::vector<Layer> wanted_;
  std::vector<Layer> layers_;
};

}  // namespace

std::vector<std::string> denied_paths(const Policy& policy) {
  std::vector<std::string> paths;
  for (const CoverRule& cover : policy.covers) {
    if (cover.kind != CoverKind::kDeny || is_pattern(cover.path)) continue;
    paths.push_back(cover.path);
    const std::string real = real_path_of(policy, cover);
    if (!real.empty()) paths.push_back(real);
  }
  return paths;
}

Result<std::vector<Layer>> layers_of(const Policy& policy, const Surroundings& surroundings) {
  for (const CoverRule& cover : policy.covers) TRY(check_cover(policy, cover));
  for (const TmpfsRule& rule : policy.tmpfs) {
    TRY(check_place("filesystem.tmpfs", rule.destination));
  }
  for (const MountRule& rule : policy.mounts) {
    TRY(check_place("filesystem", rule.destination));
  }
  std::vector<Layer> wanted = all_layers(policy, surroundings);
  std::erase_if(wanted, [&policy](const Layer& layer) {
    return std::any_of(policy.covers.begin(), policy.covers.end(),
                       [&layer](const CoverRule& c) { return takes_away(c, layer.path); });
  });
  std::stable_sort(wanted.begin(), wanted.end(), [](const Layer& a, const Layer& b) {
    return a.path != b.path ? a.path < b.path : a.kind < b.kind;
  });
  return Arrangement(policy, std::move(wanted)).make();
}

}  // namespace mayfly::sandbox
