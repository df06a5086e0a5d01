#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <vector>

#include "server/counters/client_stats.h"
#include "server/counters/upstream_stats.h"

namespace roktcached::admin {

/// Requests of all callers and routes by outcome.
[[nodiscard]] boost::json::object requests_json(const std::vector<counters::ClientRequests>& requests);

/// One object for each caller: how many requests it made, how many were answered from the cache, how long it
/// waited, what it cost the upstream and what was saved. The same by route.
[[nodiscard]] boost::json::array clients_json(const std::vector<counters::ClientRequests>& requests,
                                              const std::vector<counters::Spent>& spending);

}  // namespace roktcached::admin
