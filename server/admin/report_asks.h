#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <vector>

#include "core/caching/key.h"
#include "core/time.h"
#include "server/counters/client_stats.h"

namespace roktcached::admin {

using ThreadStats = std::vector<std::unique_ptr<counters::ClientStats>>;

/// Sums up the requests for a report since the start, over all client threads.
[[nodiscard]] counters::ReportAsks asks_of(const ThreadStats& threads, const caching::KeyHash& key,
                                           SteadyTime now);

/// The reports that are asked for most, the hottest first; all that the threads know.
[[nodiscard]] std::vector<caching::KeyHash> hottest(const ThreadStats& threads);

/// Members `asked`, `from_cache` and `asked_by`: [{client, asked, last_asked_at_unix_ms}, ...].
void add_asks(boost::json::object& to, const counters::ReportAsks& asks, WallTime now);

}  // namespace roktcached::admin
