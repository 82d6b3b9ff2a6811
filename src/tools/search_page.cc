#include "tools/search_page.h"

#include <algorithm>

#include "base/text.h"

namespace mayfly::tools {
namespace {

std::string line_of(std::uint64_t number, const char* mark, std::string_view text) {
  // A line of a file is one line here, with its tabs.
  std::string clean;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t tab = std::min(text.find('\t', at), text.size());
    clean += text::one_line(text.substr(at, tab - at));
    if (tab < text.size()) clean += '\t';
    at = tab + 1;
  }
  return "  " + std::to_string(number) + mark + clean + "\n";
}

}  // namespace

std::string SearchPage::show_path(std::string_view path) const {
  if (path.starts_with("./")) path.remove_prefix(2);
  return choice_.prefix + text::one_line(path);
}

void SearchPage::add(const SearchRecord& record) {
  if (files_ == 0 || record.path != path_) {
    path_ = std::string(record.path);
    ++files_;
    before_.clear();
    last_was_shown_ = false;
    last_shown_ = 0;
  }
  if (record.is_match) {
    add_match(record);
  } else {
    add_context(record);
  }
}

bool SearchPage::put(const std::string& lines) {
  if (!text_.empty() && text_.size() + lines.size() > choice_.most_bytes) return false;
  text_ += lines;
  return true;
}

void SearchPage::add_match(const SearchRecord& record) {
  counted_ += record.number;
  const bool wanted = results_++ >= choice_.offset && shown_ < choice_.most && !full_;
  last_was_shown_ = false;
  last_line_ = record.number;
  if (!wanted) {
    before_.clear();
    return;
  }
  std::string lines;
  if (choice_.mode == SearchMode::kFiles) {
    lines = show_path(record.path) + "\n";
  } else if (choice_.mode == SearchMode::kCount) {
    lines = show_path(record.path) + ": " + std::to_string(record.number) + "\n";
  } else {
    if (shown_path_ != path_ || text_.empty()) lines = show_path(record.path) + "\n";
    const std::uint64_t first = before_.empty() ? record.number : before_.front().number;
    if (choice_.context > 0 && last_shown_ > 0 && first > last_shown_ + 1) lines += "  --\n";
    for (const Line& line : before_) lines += line_of(line.number, "- ", line.text);
    lines += line_of(record.number, ": ", record.text);
  }
  before_.clear();
  if (!put(lines)) {
    full_ = true;
    return;
  }
  shown_path_ = path_;
  last_shown_ = record.number;
  last_was_shown_ = true;
  ++shown_;
}

void SearchPage::add_context(const SearchRecord& record) {
  if (full_) return;
  if (last_was_shown_ && record.number <= last_line_ + choice_.context) {
    if (put(line_of(record.number, "- ", record.text))) last_shown_ = record.number;
    return;
  }
  before_.push_back({record.number, std::string(record.text)});
  if (before_.size() > choice_.context) before_.pop_front();
}

std::string SearchPage::take() {
  if (!text_.empty()) text_.pop_back();
  return std::move(text_);
}

}  // namespace mayfly::tools
