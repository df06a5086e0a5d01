#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace roktcached::admin {

/// The most targets that one request may name.
inline constexpr std::size_t most_warmed = 100;

/// The content of `POST /warm`.
struct WarmRequest {
  std::vector<std::string> targets;
  std::string rokt_version;  ///< empty: not sent
};

/// Reads {"targets": ["/path?query", ...]}, with "rokt_version": "V" or without.
/// @return invalid_request, naming the member, what came, and what is accepted
[[nodiscard]] Result<WarmRequest> parse_warm(std::string_view content);

}  // namespace roktcached::admin
