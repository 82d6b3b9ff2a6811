#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "settings/location.h"

// Rules about paths, as policies have them: absolute, normal, without variables.
namespace mayfly::sandbox {

// kHide: an empty file or directory is there instead. kDeny: what is there cannot be opened
// (EACCES). Both hold for everything below.
enum class CoverKind { kHide, kDeny };
const char* to_string(CoverKind kind);

// What is taken out of what the mounts show. `path` may be a pattern; then every call looks for
// what matches when it starts. A path that is absent, or appears later, is not covered.
//
// A denied path stays denied below a more specific mount. Below a hidden one a more specific mount
// shows again.
struct CoverRule {
  std::string path;
  CoverKind kind = CoverKind::kHide;
  std::string rule;  // "build: filesystem.hide"
  settings::Location at{};

  bool operator==(const CoverRule&) const = default;
};

// An empty directory in memory, private to each call.
struct TmpfsRule {
  std::string destination;
  std::uint64_t bytes = 0;
  std::string rule;
  settings::Location at{};

  bool operator==(const TmpfsRule&) const = default;
};

// Patterns: "*" is any run of characters but '/', "?" one of them, "[abc]" and "[a-z]" one of a
// set, "[!a]" one not in it, "**" as a whole component any number of components, none included. '\'
// takes the next character as it is. A leading dot is nothing special. A cover that is a pattern
// covers what matches with everything below it, more specific mounts included.
bool is_pattern(std::string_view path);
// Whether `path` itself matches (what is below a match is not asked for).
bool matches(std::string_view pattern, std::string_view path);
// What exists on this host and matches, sorted; links are not followed. At most 1 000, and none if
// more than 200 000 entries would have to be looked at.
std::vector<std::string> find_matches(const std::string& pattern);
// The longest directory above everything that can match: "/w" for "/w/**/.env".
std::string fixed_directory(std::string_view pattern);

// A pattern against paths that are known one component at a time, as a walk finds them. Time and
// memory are the pattern's length for each component, whatever the names are.
class PathPattern {
 public:
  explicit PathPattern(std::string_view pattern);

  // How much of the pattern the components so far may stand for.
  class Progress {
   public:
    // They are a match.
    bool complete() const;
    // Something below them may be one.
    bool open() const;

   private:
    friend class PathPattern;
    std::vector<char> reached_;  // [n]: the first n components of the pattern are used up
  };
  Progress start() const;  // at "/"
  Progress step(const Progress& from, std::string_view name) const;
  // After all components of `path`, which is absolute and normal.
  Progress follow(std::string_view path) const;

 private:
  void skip_any(Progress& progress) const;

  std::vector<std::string> components_;
};

}  // namespace mayfly::sandbox
