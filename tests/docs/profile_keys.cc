// Prints the table of all keys of a profile, for docs/profiles.md.
#include <cstdio>

#include "sandbox/profile_format.h"

int main() {
  std::fputs(mayfly::sandbox::profile_format().markdown().c_str(), stdout);
  return 0;
}
