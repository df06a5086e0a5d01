#pragma once

#include <string_view>

#include "core/caching/selection.h"
#include "core/error.h"

namespace roktcached::admin {

/// Reads the content of `POST /purge`, one of
///
///     {"all": true}   {"account": "A"}   {"account": "A", "campaign": "C"}   {"route": "R"}
///     {"target": "/path?query"}   {"key": "32 hex digits"}
///
/// each of them with "soft": true or without.
/// @return invalid_request, naming the member, what came, and what is accepted
[[nodiscard]] Result<caching::Purge> parse_purge(std::string_view content);

}  // namespace roktcached::admin
