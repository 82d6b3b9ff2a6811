#pragma once

#include <nlohmann/json.hpp>

namespace mayfly::audit {

// What records are made of. Objects keep the order of their members.
using Json = nlohmann::ordered_json;

// What records are read into: by name, so that an object of very many names costs no more than its
// size. The file may not be ours.
using ReadJson = nlohmann::json;

}  // namespace mayfly::audit
