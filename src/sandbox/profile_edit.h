#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/profile.h"

// Changes to the text of a profile that a person wrote: what is not asked for stays as it is,
// comments and layout too.
namespace mayfly::sandbox {

// One value more. `value` is TOML; of an entry `name` is its name.
struct ProfileWish {
  std::string option;   // "--read": what errors call it
  std::string table;    // "filesystem"
  std::string key;      // "read"
  std::string name;     // "GOFLAGS" of environment.set; else empty
  std::string value;    // "\"/opt/sdk\""
  std::string comment;  // put above it; one line, without "#"
};

// What the wish alone comes to: a profile with one value. E1001 in the parser's words if the value
// makes no sense.
Result<Profile> wished(const ProfileWish& wish);

// Whether the merged `profile` says that already, in the same words, and where.
std::optional<settings::Location> said_already(const Profile& profile, const ProfileWish& wish,
                                               const Profile& wished);

// `text` with the wish: one more element of a list, one more entry, or another value. The result
// has been parsed and says what `text` said and the wish, and nothing else. E1001 if `text` is no
// profile, or if no way to write it leads there (the rule is in the file with another meaning).
Result<std::string> with_wish(const std::string& text,
                              std::shared_ptr<const settings::Source> source,
                              const ProfileWish& wish);

// `limits.memory "3G" by "2G"`: what `text` says of a key or an entry that the wish puts something
// else in place of. Empty if there is nothing of it yet, and for lists, which only grow.
std::string replaced_value(const std::string& text, std::shared_ptr<const settings::Source> source,
                           const ProfileWish& wish);

// The text of a new profile for a person to go on with: what is wished, and for each table an
// example in a comment.
struct NewProfile {
  std::string name;
  std::string extends;
  std::string description;  // empty: a line to fill in
  std::vector<ProfileWish> wishes;
};
std::string new_profile_text(const NewProfile& profile);

}  // namespace mayfly::sandbox
