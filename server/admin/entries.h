#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "core/caching/policies.h"
#include "core/error.h"
#include "core/time.h"
#include "storage/entry_summary.h"

namespace roktcached::admin {

/// Reads which entries to list: `restated` (without a value); at most one of `route=NAME`, `account=ID` (with
/// `campaign=ID` or without), `key=HASH` and `target=TARGET` (percent-encoded); and `limit=N`, 1 to 1000.
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<storage::Listing> parse_listing(std::string_view query);

/// A query of `GET /entries`, read.
struct EntriesQuery {
  storage::Listing listing;
  bool hottest = false;  ///< of those that are asked for most, so many as `listing` has for its limit
};

/// The same, or `hottest` (without a value), with `limit` or without.
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<EntriesQuery> parse_entries(std::string_view query);

/// An entry, without its head and body; times in milliseconds since the Unix epoch.
[[nodiscard]] boost::json::object entry_json(const storage::EntrySummary& entry,
                                             const caching::FreshnessPolicies& policies, WallTime now);

/// How its numbers have changed: how often, when last, and what moved then.
[[nodiscard]] boost::json::object restated_json(const caching::Restated& restated);

}  // namespace roktcached::admin
