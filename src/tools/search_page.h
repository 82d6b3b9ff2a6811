#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tools/ripgrep_output.h"

namespace mayfly::tools {

// One page of what a search found, as text grouped by file:
//
//   src/a.cc
//     12: the line
//     13- a line of context
//
// Records come in order, and only those of the page are kept.
class SearchPage {
 public:
  struct Choice {
    SearchMode mode = SearchMode::kContent;
    std::uint64_t offset = 0;  // results to leave out
    std::uint64_t most = 100;  // results to show
    std::uint64_t context = 0;
    std::uint64_t most_bytes = 30'000;
    std::string prefix = {};  // in front of each path, which ripgrep names from where it ran
  };
  explicit SearchPage(Choice choice) : choice_(std::move(choice)) {}

  void add(const SearchRecord& record);

  std::string take();                                 // the text
  std::uint64_t shown() const { return shown_; }      // results on the page
  std::uint64_t results() const { return results_; }  // all: lines that match, or files
  std::uint64_t files() const { return files_; }
  std::uint64_t counted() const { return counted_; }  // kCount: the sum

 private:
  struct Line {
    std::uint64_t number;
    std::string text;
  };
  std::string show_path(std::string_view path) const;
  void add_match(const SearchRecord& record);
  void add_context(const SearchRecord& record);
  bool put(const std::string& lines);

  const Choice choice_;
  std::string text_;
  std::string path_;        // of the latest record
  std::string shown_path_;  // the latest in `text_`
  std::deque<Line> before_;
  std::uint64_t last_line_ = 0;   // the latest match of `path_`
  std::uint64_t last_shown_ = 0;  // the latest line in `text_`
  bool last_was_shown_ = false;
  bool full_ = false;
  std::uint64_t shown_ = 0;
  std::uint64_t results_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t counted_ = 0;
};

}  // namespace mayfly::tools
