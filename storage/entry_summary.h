#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/caching/key.h"
#include "core/caching/selection.h"
#include "core/caching/stored_response.h"
#include "core/time.h"

namespace roktcached::storage {

/// Which entries ResponseStore::list is to name.
struct Listing {
  caching::Selection selection = caching::Everything{};
  bool restated_only = false;
  std::size_t limit = 100;
};

/// An entry for people to look at: all that is known of it but head and body.
struct EntrySummary {
  caching::Key key;
  std::string route;
  std::string account_id;
  std::string campaign_id;
  unsigned status = 200;
  std::uint64_t body_bytes = 0;
  std::optional<WallTime> range_end;
  unsigned steady_refreshes = 0;
  std::shared_ptr<const caching::Restated> restated;
  WallTime fetched_at;
  WallTime fresh_until;
  WallTime usable_until;
};

[[nodiscard]] inline EntrySummary summary_of(const caching::StoredResponse& response) {
  EntrySummary summary;
  summary.key = response.key;
  summary.route = response.route;
  summary.account_id = response.account_id;
  summary.campaign_id = response.campaign_id;
  summary.status = response.status;
  summary.body_bytes = response.body->size();
  summary.range_end = response.range_end;
  summary.steady_refreshes = response.steady_refreshes;
  summary.restated = response.restated;
  summary.fetched_at = response.fetched_at;
  summary.fresh_until = response.fresh_until;
  summary.usable_until = response.usable_until;
  return summary;
}

/// The order of a listing: the entries that were restated last come first if only restated ones are asked
/// for, else those that were fetched last.
[[nodiscard]] inline bool comes_before(const EntrySummary& left, const EntrySummary& right,
                                       bool by_restatement) {
  if (by_restatement) return left.restated->at > right.restated->at;
  return left.fetched_at > right.fetched_at;
}

}  // namespace roktcached::storage
