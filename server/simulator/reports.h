#pragma once

#include <string>

#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/simulator/world.h"

namespace roktcached::simulator {

struct Reply {
  unsigned status = 200;
  std::string body;  ///< JSON
};

/// Answers a request of the route tree from the world, as the API's page shows it; breakdowns and histograms
/// as
/// {"items":[...]}. Knows nothing of tokens. Pure.
/// @param target  path and query
/// @return 403 for an account that is not among 1 to 999, 404 for ids or paths that are not there, 400 for
/// bad parameters
[[nodiscard]] Reply answer(const World& world, const std::string& target, WallTime now);

[[nodiscard]] Reply error_reply(unsigned status, const std::string& message);

}  // namespace roktcached::simulator
