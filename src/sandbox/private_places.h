#pragma once

#include <string>
#include <string_view>

// Places of a host that are nobody else's business, by custom: no remedy proposes to show them, and
// nobody looks what they hold. Nothing here reads the host. Paths are absolute and normal; `home`
// may be empty.
namespace mayfly::sandbox {

// What keeps keys, passwords and sessions: ~/.ssh, ~/.aws, ... of every home, /etc/shadow, with
// what is below. No program looks there by itself.
bool is_secret_place(const std::string& path, const std::string& home);

// The same, all else that starts with a dot in a home, files called like credentials, and the
// system's own secrets.
bool is_private_place(const std::string& path, const std::string& home);

// The same of an entry of a directory that is known not to be private. Costs the same at any depth.
bool is_private_entry(const std::string& path, const std::string& home);

// The home that `path` is or lies in: `home`, /root, or one in /home. Empty if it is in none.
std::string home_of(const std::string& path, const std::string& home);

// Whether `path` holds what belongs to different people or projects, so that nobody means all of
// it:
// "/", all directly below it, "/home", a home, "/usr/local", ...
bool is_shared_place(const std::string& path, const std::string& home);

}  // namespace mayfly::sandbox
