#pragma once

#include "sandbox/finding.h"

namespace mayfly::sandbox {

// Whether innocent programs are denied this all the time, do without, and nobody would change a
// profile for it. It stays denied; only nothing is said of it:
//
//  - to write a process's own settings below /proc: its name, its memory, its OOM score…, but
//    nothing that is for more than one process, and no id mapping;
//  - to keep compiled Python modules in a __pycache__ beside their sources.
//
// Of places that are to be read only, or that no rule has; never of what a rule denies, hides or
// protects. `finding.target` is absolute; one with ".." may mean anything, and is never routine.
bool is_routine_denial(const Finding& finding);

}  // namespace mayfly::sandbox
