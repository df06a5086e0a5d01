#pragma once

#include <boost/json/object.hpp>

#include "server/fleet/fleet.h"

namespace roktcached::admin {

/// The fleet as /status shows it.
[[nodiscard]] boost::json::object to_json(const fleet::FleetStatus& status);

}  // namespace roktcached::admin
