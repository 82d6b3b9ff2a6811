#pragma once

#include <string>
#include <utility>

#include "sandbox/profile.h"
#include "settings/codec.h"

// How the values that only profiles have are written.
namespace mayfly::sandbox {

// What a path in a profile is for: each refuses what makes no sense for it.
enum class PathUse { kRead, kWrite, kCover, kTmpfs, kBindSource, kBindDestination };

// Absolute, or from ${workspace}, ${home} or ${tmp} on; without ".."; in normal form. What comes
// back is the normal form.
settings::Reading<std::string> read_path(PathUse use, const std::string& text);

settings::Codec<PathRule> path_rule_codec(PathAccess access);
settings::Codec<std::string> workspace_path_codec();  // relative to a workspace
settings::Codec<Bind> bind_codec();
settings::Codec<ToolchainChoice> toolchains_codec();
settings::Codec<MemoryLimit> memory_codec();
settings::Codec<Watched> watched_codec();
settings::Codec<HostRule> host_rule_codec();
settings::Codec<std::uint16_t> port_codec();
settings::Codec<SyscallRule> syscall_rule_codec(SyscallList list);
settings::Codec<std::string> capability_codec();
settings::Codec<Requirement> requirement_codec();
settings::Codec<IgnorePattern> ignore_pattern_codec();
settings::Codec<std::string> variable_pattern_codec();  // a name, or a prefix followed by "*"
settings::Codec<std::string> host_name_codec();         // of identity.hostname
settings::Codec<std::string> user_name_codec();
settings::Codec<std::string> profile_name_codec();

}  // namespace mayfly::sandbox
