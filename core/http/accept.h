#pragma once

#include <string_view>

#include "core/http/fields.h"

namespace roktcached::http {

/// How much a client wants a media type, by its Accept (RFC 9110, section 12.5.1).
struct Wanted {
  int quality = 0;     ///< in thousandths; 0: it is not acceptable
  bool named = false;  ///< by its own name; else by a wildcard, or since there is no Accept
};

/// The most specific range of Accept counts. A malformed weight counts as 0.
/// @param media_type  in lower case, without parameters; those of Accept do not count
[[nodiscard]] Wanted wanted(const Fields& request, std::string_view media_type);

}  // namespace roktcached::http
