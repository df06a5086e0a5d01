#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace roktcached::config {

/// Tells variables that look like settings and are none. Kubernetes gives them to every container beside a
/// Service whose name is "roktcached" or begins with "roktcached-", such as "roktcached-fleet". Docker gives
/// some of them to a container that is linked to such a container.
///
///     ROKTCACHED_SERVICE_HOST, ROKTCACHED_SERVICE_PORT, ROKTCACHED_SERVICE_PORT_NAME
///     ROKTCACHED_PORT=tcp://10.0.0.1:8080, ROKTCACHED_PORT_8080_TCP, ROKTCACHED_PORT_8080_TCP_ADDR and so on
///     ROKTCACHED_FLEET_SERVICE_HOST, ROKTCACHED_FLEET_PORT=tcp://10.0.0.2:6379 and so on
///
/// @param name   of a variable that is no setting
/// @param value  it decides about ROKTCACHED_PORT: a number there is somebody's mistake
[[nodiscard]] bool is_service_link(std::string_view name, std::string_view value);

/// The names of those in the environment, in its order.
[[nodiscard]] std::vector<std::string> service_links(const Environment& environment);

}  // namespace roktcached::config
