#include "mcp/legacy/revision.h"

namespace mayfly::mcp::legacy {
namespace {

constexpr Revision kAll[] = {Revision::k2024_11_05, Revision::k2025_03_26, Revision::k2025_06_18,
                             Revision::k2025_11_25};

}  // namespace

std::string_view name_of(Revision revision) {
  switch (revision) {
    case Revision::k2024_11_05:
      return "2024-11-05";
    case Revision::k2025_03_26:
      return "2025-03-26";
    case Revision::k2025_06_18:
      return "2025-06-18";
    case Revision::k2025_11_25:
      return "2025-11-25";
  }
  return "";
}

std::optional<Revision> revision_named(std::string_view name) {
  for (const Revision revision : kAll) {
    if (name_of(revision) == name) return revision;
  }
  return std::nullopt;
}

}  // namespace mayfly::mcp::legacy
