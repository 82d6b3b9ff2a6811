#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "files/target.h"
#include "files/write.h"

namespace mayfly::files {

struct Edit {
  std::string old_text;
  std::string new_text;
  bool replace_all = false;

  bool operator==(const Edit&) const = default;
};

enum class Matching : std::uint8_t {
  kExact,
  kLooseWhitespace,  // runs of blanks are equal, and blanks at line ends do not count
};

struct EditRequest {
  Target target;
  std::vector<Edit> edits;  // in order: each sees what the ones before it did
  Matching matching = Matching::kExact;
  bool dry_run = false;
  std::string expected_digest;
  std::uint64_t max_diff_chars = 30'000;
};

struct EditAnswer {
  std::string diff;  // unified, three lines of context, valid UTF-8
  bool diff_cut = false;
  std::uint64_t replacements = 0;
  std::uint64_t size = 0;
  std::string digest;
  std::uint64_t other_links = 0;
};

// All edits of one text, or an E5001 that names the edit ("edits[1].old") and what to do: for a
// miss the lines that come nearest, with their numbers; for several matches their lines. A text
// whose lines end in CR LF is matched by edits that were written with LF.
Result<std::string> apply(const std::string& text, const std::vector<Edit>& edits,
                          Matching matching, std::uint64_t& replacements);

// A unified diff of two texts, without "diff --git" lines. Bounded in time and memory: of texts
// that have little in common the changed part is shown as one hunk.
std::string unified_diff(std::string_view before, std::string_view after, const std::string& name);

Result<EditAnswer> edit(const Spot& spot, const EditRequest& request);

std::string encode(const EditRequest& request);
Result<EditRequest> decode_edit_request(std::string_view bytes);
std::string encode(const Result<EditAnswer>& answer);
Result<EditAnswer> decode_edit_answer(std::string_view bytes);

}  // namespace mayfly::files
