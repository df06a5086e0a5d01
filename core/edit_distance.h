#pragma once

#include <cstddef>
#include <string_view>

namespace roktcached {

/// How many typing errors lie between two words: characters that are left out, added or replaced, and
/// neighbours that have changed places. Case counts. Takes time and memory by the product of both lengths.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

}  // namespace roktcached
