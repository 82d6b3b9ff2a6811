#include "files/edit_errors.h"

#include <algorithm>

#include "base/text.h"
#include "files/nearest_lines.h"
#include "files/text_file.h"

namespace mayfly::files {

std::string edit_field(std::size_t index, const char* part) {
  return "edits[" + std::to_string(index) + "]." + part;
}

Error no_match(std::size_t index, const Edit& edit, Matching matching, std::string_view text,
               Earlier earlier) {
  std::string message = "is not in the file; nothing was changed";
  std::string remedy = "read the lines again and copy them exactly";
  std::string details;
  if (earlier == Earlier::kRemovedIt) {
    message += ". It was there before the earlier edits of this call";
    remedy = "write it as the earlier edits leave it, or put all of it into one edit";
  }
  if (text.empty()) {
    message += ". The file is empty";
    remedy = "write it with write_file";
  } else if (const auto nearest = nearest_lines(text, edit.old_text)) {
    if (!nearest->hint.empty()) message += ". Note: " + nearest->hint;
    if (nearest->last != 0) {
      message += ". The nearest is at line " + std::to_string(nearest->first);
      if (nearest->last > nearest->first) message += " to " + std::to_string(nearest->last);
      details = nearest->shown;
    }
    if (matching == Matching::kExact && nearest->hint.starts_with("only ")) {
      remedy += ", or set ignore_whitespace";
    }
  } else {
    message += ". Nothing in it is much like that";
  }
  Error error = input_error(ErrorCode::kInvalidArgument, edit_field(index, "old"), edit.old_text,
                            message, remedy);
  error.details = std::move(details);
  return error;
}

Error several_matches(std::size_t index, const Edit& edit,
                      const std::vector<std::uint64_t>& lines) {
  const bool more = lines.size() > kMostLinesNamed;
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLinesNamed); ++i) {
    numbers.push_back(std::to_string(lines[i]));
  }
  return input_error(
      ErrorCode::kInvalidArgument, edit_field(index, "old"), edit.old_text,
      "is there " +
          (more ? "more than " + std::to_string(kMostLinesNamed) : std::to_string(lines.size())) +
          " times, at the lines " + text::join(numbers, ", ") + (more ? ", …" : "") +
          "; nothing was changed",
      "give more of the lines around the one that is meant, or set replace_all");
}

Error too_large(std::size_t index, const Edit& edit) {
  return input_error(
      ErrorCode::kInvalidArgument, edit_field(index, "new"), edit.new_text,
      "would make the file larger than " + text::human_bytes(kMostWhole) + "; nothing was changed",
      "edit it with a program, by run_command");
}

}  // namespace mayfly::files
