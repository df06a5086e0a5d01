#pragma once

#include <boost/json/object.hpp>

#include "server/proxy/warming/scheduled_warming.h"

namespace roktcached::admin {

/// How many templates /status shows, since it is read every second: the first of them.
inline constexpr std::size_t most_templates = 100;

/// The warming of reports, as /status has it.
[[nodiscard]] boost::json::object to_json(const proxy::WarmingStatus& warming);

}  // namespace roktcached::admin
