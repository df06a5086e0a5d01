#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/caching/policies.h"
#include "core/error.h"
#include "core/time.h"
#include "storage/entry_summary.h"

namespace roktcached::admin {

/// Reads the query of `GET /entries`: `restated` (without a value), `route=NAME` or `account=ID`,
/// with `campaign=ID` or without, and `limit=N`, 1 to 1000.
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<storage::Listing> parse_listing(std::string_view query);

/// {"entries":[...]}, one object an entry; times in milliseconds since the Unix epoch.
[[nodiscard]] std::string to_json(const std::vector<storage::EntrySummary>& entries,
                                  const caching::FreshnessPolicies& policies, WallTime now);

}  // namespace roktcached::admin
