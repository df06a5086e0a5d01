#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "server/admin/history.h"
#include "server/counters/recent_problems.h"

namespace roktcached::admin {

/// Reads the query of `GET /history`: `since=UNIX_MS` or nothing.
/// @return the time after which samples are wanted, if it is given; invalid_request, naming the parameter,
///         what came and what is accepted
[[nodiscard]] Result<std::optional<WallTime>> parse_since(std::string_view query);

/// The answer to `GET /history`: for the last hour and for the last day a list for each number of a sample,
/// all of them as long as `at_unix_ms`; and the last problems. Times in milliseconds since the Unix epoch.
/// @param started_at  when the counters were zero
/// @param since       leaves out the samples up to then
[[nodiscard]] std::string to_json(const History& history, const std::vector<counters::Problem>& problems,
                                  WallTime started_at, std::optional<WallTime> since);

}  // namespace roktcached::admin
