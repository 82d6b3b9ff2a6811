#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "files/target.h"

namespace mayfly::files {

enum class IgnoreFiles : std::uint8_t {
  kDisregard,
  kHonour
};  // .gitignore, .ignore, .git/info/exclude

struct ListRequest {
  Target target;
  std::uint32_t depth = 1;  // levels below the directory
  std::string glob;  // of names, or of paths if it has a '/'; "**" spans directories; empty: all
  IgnoreFiles ignore = IgnoreFiles::kDisregard;
  std::uint64_t offset = 0;  // entries to leave out, in the order of the listing
  std::uint64_t max_entries = 500;
};

struct ListEntry {
  enum class Kind : std::uint8_t { kFile, kDirectory, kLink, kFifo, kSocket, kDevice, kUnknown };
  std::string path;  // relative to the directory, as bytes
  Kind kind = Kind::kFile;
  std::uint64_t size = 0;  // of a file; of a directory that is not descended into, its entries
  std::string link;        // where a link leads
  std::int64_t modified_ns = 0;
  bool executable = false;
  bool entries_known = false;  // `size` of a directory is set
};

struct ListAnswer {
  std::vector<ListEntry> entries;  // parents before children, by name
  std::uint64_t total = 0;         // entries there are, as far as was looked
  bool total_exact = true;         // false: it was too much to look at all
  std::uint64_t ignored = 0;
  std::vector<std::string> unreadable;  // directories, the first few
};

// How much is looked at: entries in all and of one directory, and steps of matching names.
struct ListBounds {
  std::uint64_t entries = 200'000;
  std::size_t in_directory = 100'000;
  std::uint64_t work = 200'000'000;
};

// Follows no link. Looks at no more than a bounded number of entries, so that time and memory stay
// bounded in a tree of millions; within that number the order is that of sorted names.
Result<ListAnswer> list(int directory, const ListRequest& request, const ListBounds& bounds = {});

std::string encode(const ListRequest& request);
Result<ListRequest> decode_list_request(std::string_view bytes);
std::string encode(const Result<ListAnswer>& answer);
Result<ListAnswer> decode_list_answer(std::string_view bytes);

}  // namespace mayfly::files
