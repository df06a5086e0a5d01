#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/policies.h"
#include "core/error.h"
#include "core/time.h"
#include "storage/entry_summary.h"

namespace roktcached::admin {

/// Reads the query of `GET /entries`: `restated` (without a value), one of `route=NAME`, `account=ID` (with
/// `campaign=ID` or without), `key=HASH` and `target=TARGET` (percent-encoded), and `limit=N`, 1 to 1000.
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<storage::Listing> parse_listing(std::string_view query);

/// An entry, without its head and body; times in milliseconds since the Unix epoch.
[[nodiscard]] boost::json::object entry_json(const storage::EntrySummary& entry,
                                             const caching::FreshnessPolicies& policies, WallTime now);

/// How its numbers have changed: how often, when last, and what moved then.
[[nodiscard]] boost::json::object restated_json(const caching::Restated& restated);

/// {"entries":[...]}, one object an entry; times in milliseconds since the Unix epoch.
[[nodiscard]] std::string to_json(const std::vector<storage::EntrySummary>& entries,
                                  const caching::FreshnessPolicies& policies, WallTime now);

}  // namespace roktcached::admin
