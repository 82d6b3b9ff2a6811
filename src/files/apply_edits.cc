#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "files/edit.h"
#include "files/edit_errors.h"
#include "files/occurrences.h"
#include "files/text_file.h"

namespace mayfly::files {
namespace {

Status check(const std::vector<Edit>& edits) {
  if (edits.empty()) {
    return fail(input_error(ErrorCode::kInvalidArgument, "edits", "", "is empty",
                            "give at least one pair of old and new text"));
  }
  for (std::size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].old_text.empty()) {
      return fail(input_error(ErrorCode::kInvalidArgument, edit_field(i, "old"), "", "is empty",
                              "to write a whole file, use write_file; to insert text, replace the "
                              "line beside it by itself and the text"));
    }
    if (edits[i].old_text == edits[i].new_text) {
      return fail(input_error(ErrorCode::kInvalidArgument, edit_field(i, "new"), edits[i].new_text,
                              "is the same as the old text", "leave the edit out"));
    }
  }
  return {};
}

Result<std::string> apply_one(std::string_view text, std::size_t index, const Edit& edit,
                              Matching matching, std::uint64_t& replacements) {
  Occurrences occurrences(text, edit, matching);
  if (!edit.replace_all && occurrences.several()) {
    return fail(several_matches(index, edit, occurrences.first_lines(kMostLinesNamed + 1)));
  }
  std::string result;
  std::size_t kept = 0;
  while (const auto place = occurrences.next()) {
    const std::string replacement = occurrences.replacement(*place);
    const std::size_t more = place->begin - kept + replacement.size();
    if (result.size() + more > kMostWhole) return fail(too_large(index, edit));
    result.append(text.substr(kept, place->begin - kept)).append(replacement);
    kept = place->end;
    ++replacements;
    if (!edit.replace_all) break;
  }
  if (result.size() + (text.size() - kept) > kMostWhole) return fail(too_large(index, edit));
  return result.append(text.substr(kept));
}

}  // namespace

Result<std::string> apply(const std::string& text, const std::vector<Edit>& edits,
                          Matching matching, std::uint64_t& replacements) {
  replacements = 0;
  TRY(check(edits));
  std::string now = text;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const std::uint64_t before = done;
    std::string next = TRY(apply_one(now, i, edits[i], matching, done));
    if (done == before) {
      const bool was_there = i > 0 && Occurrences(text, edits[i], matching).any();
      return fail(no_match(i, edits[i], matching, now,
                           was_there ? Earlier::kRemovedIt : Earlier::kHadNoPart));
    }
    now = std::move(next);
  }
  replacements = done;
  return now;
}

}  // namespace mayfly::files
