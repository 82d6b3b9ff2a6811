#pragma once

#include <string>

#include "settings/codec.h"
#include "settings/document.h"

// What somebody writes behind an option, as the node that a profile's file would have there.
// Whether the value makes sense is for the codec of its key to say; here is only what differs
// between a command line and a file: numbers without units, "A=B", and paths from where the
// operator stands.
namespace mayfly::app {

using OptionValue = settings::Reading<settings::Node> (*)(const std::string& text,
                                                          const settings::Location& at);
using OptionReading = settings::Reading<settings::Node>;

OptionReading as_text(const std::string& text, const settings::Location& at);
OptionReading as_number(const std::string& text, const settings::Location& at);
// "1500", of milliseconds; "150", of per cent.
OptionReading as_milliseconds(const std::string& text, const settings::Location& at);
OptionReading as_percent(const std::string& text, const settings::Location& at);
// "auto", or "nvm,go": a list.
OptionReading as_words(const std::string& text, const settings::Location& at);

// Made absolute, from the current directory on, unless it starts with a variable.
OptionReading as_path(const std::string& text, const settings::Location& at);
// The same for a path that has to be there; and that the user of a sandbox can read.
OptionReading as_path_there(const std::string& text, const settings::Location& at);
OptionReading as_readable_path(const std::string& text, const settings::Location& at);

// "PATH=SIZE", as { PATH = SIZE }.
OptionReading as_sized_path(const std::string& text, const settings::Location& at);
// "SRC:DEST", "SRC:DEST:rw".
OptionReading as_bind(const std::string& text, const settings::Location& at);
// "NAME=value", or "NAME" for mayfly's own, as { NAME = value }.
OptionReading as_variable(const std::string& text, const settings::Location& at);

}  // namespace mayfly::app
