#pragma once

#include <boost/json/object.hpp>

#include "server/proxy/warming/scheduled_warming.h"

namespace roktcached::admin {

/// /status is read every second: of more templates it has the first.
inline constexpr std::size_t most_templates = 100;

/// What is fetched before anybody asks for it, as /status has it.
[[nodiscard]] boost::json::object to_json(const proxy::WarmingStatus& warming);

}  // namespace roktcached::admin
