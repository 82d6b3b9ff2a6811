#pragma once

#include <optional>
#include <string_view>

// The revisions before 2026-07-28, which are opened by `initialize` and differ in what they can
// say.
namespace mayfly::mcp::legacy {

enum class Revision { k2024_11_05, k2025_03_26, k2025_06_18, k2025_11_25 };

inline constexpr Revision kLatest = Revision::k2025_11_25;

std::string_view name_of(Revision revision);
std::optional<Revision> revision_named(std::string_view name);

// 2025-03-26 alone has batches.
constexpr bool has_batches(Revision revision) { return revision == Revision::k2025_03_26; }

}  // namespace mayfly::mcp::legacy
