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

[[nodiscard]] EntrySummary summary_of(const caching::StoredResponse& response);

/// The order of a listing: the last restated first where only restated ones are asked for, else the last
/// fetched first.
[[nodiscard]] bool comes_before(const EntrySummary& left, const EntrySummary& right, bool by_restatement);

}  // namespace roktcached::storage
