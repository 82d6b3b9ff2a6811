#include "audit/key.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "audit/hash.h"
#include "audit/own_file.h"
#include "base/sys.h"

namespace mayfly::audit {
namespace {

Result<Key> read_key(const Place& place) {
  const OwnedFd file = TRY(open_own(place, place.name, O_RDONLY, 077));
  std::string bytes = TRY(sys::read_file(file.get(), Key::kBytes + 1));
  if (bytes.size() != Key::kBytes) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "audit.key_file", place.path,
                            "has " + std::to_string(bytes.size()) + " bytes, a key has 32",
                            "name the right file, or another that is not there to get a new key"));
  }
  return Key(std::move(bytes));
}

// Under another name first: nobody ever sees half a key, and the first of several servers wins.
Status make_key(const Place& place) {
  const std::string made = place.name + "." + hex(TRY(random_bytes(8)));
  const OwnedFd file = TRY(open_own(place, made, O_WRONLY | O_CREAT | O_EXCL, 077));
  Status written = sys::write_all(file.get(), TRY(random_bytes(Key::kBytes)));
  if (written && ::fsync(file.get()) != 0) written = fail(system_error("fsync " + made, errno));
  const int directory = place.directory.get();
  if (written &&
      ::renameat2(directory, made.c_str(), directory, place.name.c_str(), RENAME_NOREPLACE) != 0) {
    written = errno == EEXIST ? Status() : fail(system_error("rename " + place.path, errno));
  }
  ::unlinkat(directory, made.c_str(), 0);
  return written;
}

}  // namespace

Result<Key> Key::make_or_read(const std::string& path, Missing missing) {
  const Place place = TRY(open_place(path, missing));
  auto there = read_key(place);
  if (there || there.error().os_errno != ENOENT) return there;
  TRY_TO("make the audit log's key", make_key(place));
  return read_key(place);
}

Result<Key> Key::read(const std::string& path) {
  return read_key(TRY(open_place(path, Missing::kFail)));
}

std::string Key::confirm(std::string_view use, std::string_view text) const {
  return hmac_sha256(bytes_, "mayfly audit " + std::string(use) + "\n" + std::string(text));
}

}  // namespace mayfly::audit
