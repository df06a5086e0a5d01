#pragma once

#include <boost/json/object.hpp>

#include "server/admin/metric_family.h"
#include "server/fleet/fleet.h"

namespace roktcached::admin {

/// The fleet as /status shows it.
[[nodiscard]] boost::json::object to_json(const fleet::FleetStatus& status);

/// Adds what /metrics has of it, each number from the start.
void add_fleet(Families& families, const fleet::FleetStatus& status);

/// The place of an answer in the fleet, as /explain shows it.
[[nodiscard]] boost::json::object to_json(const fleet::AnswerLocation& location, WallTime now);

}  // namespace roktcached::admin
