#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/rokt/routes.h"
#include "core/time.h"

namespace roktcached::caching {

/// How long an answer on a Rokt route lives, by what is known of its numbers. Upstream freshness fields have
/// no say.
///
///   open       the range has not ended: every hour adds to it
///   restating  it ended a short while ago: late conversions still move it
///   settled    it ended longer ago than the attribution window
///   metadata   names and flags, no range
///   negative   the upstream said 404 or 400
enum class FreshnessState { open, restating, settled, metadata, negative };

[[nodiscard]] std::string_view to_string(FreshnessState state);

/// All durations are positive, or zero for "never".
struct FreshnessPolicy {
  std::chrono::milliseconds open = std::chrono::minutes{5};
  std::chrono::milliseconds restating = std::chrono::hours{1};
  std::chrono::milliseconds restating_max = std::chrono::hours{4};  ///< of one that has stayed the same
  std::uint64_t restating_steady_after =
      3;  ///< after so many unchanged refreshes in a row an answer lives longer; 0: never
  std::chrono::milliseconds settled = std::chrono::days{7};
  std::chrono::milliseconds metadata = std::chrono::hours{1};
  std::chrono::milliseconds not_found = std::chrono::minutes{1};    ///< upstream 404
  std::chrono::milliseconds bad_request = std::chrono::minutes{1};  ///< upstream 400
  std::chrono::milliseconds restatement_window = std::chrono::days{30};
  std::chrono::milliseconds stale_while_revalidate = std::chrono::minutes{10};
  std::chrono::milliseconds stale_if_error = std::chrono::days{7};
  std::chrono::milliseconds min_refetch_interval = std::chrono::seconds{10};
  std::uint64_t refresh_ahead_uses =
      2;  ///< a key that is asked for so often in a lifetime is refreshed before that ends; 0: never

  friend bool operator==(const FreshnessPolicy&, const FreshnessPolicy&) = default;
};

/// The state of a report whose range ends at `range_end`: open until that instant, inclusive; restating while
/// less than the window has passed since; then settled.
[[nodiscard]] FreshnessState report_state(WallTime range_end, WallTime now,
                                          std::chrono::milliseconds restatement_window);

/// An answer's life, fixed when it was fetched.
struct Lifetime {
  FreshnessState state = FreshnessState::open;
  WallTime fresh_until;
  WallTime usable_until;  ///< after this it is no longer served, not even stale
};

/// Whether, and for how long, an upstream answer is kept: a 200 by the state of its route and range, a 404 or
/// 400 as negative, and no other status. On a report route without a known range_end (lenient) the answer
/// counts as open, which is the shortest life. Once stale, it is usable for the longer of
/// stale_while_revalidate and stale_if_error. A negative answer is never used stale: its usable_until is its
/// fresh_until. A lifetime of zero means "not kept".
///
/// A restating range that keeps bringing the same body lives longer: twice as long after
/// restating_steady_after unchanged refreshes, four times as long after one more, and so on up to
/// restating_max. After one change it lives as long as any other again.
/// @param fetched_at  when the request that brought the answer was sent: the numbers may be as old as that
/// @param steady_refreshes  as StoredResponse has it
[[nodiscard]] std::optional<Lifetime> lifetime_of(rokt::RouteClass route_class, unsigned status,
                                                  std::optional<WallTime> range_end, WallTime fetched_at,
                                                  const FreshnessPolicy& policy,
                                                  unsigned steady_refreshes = 0);

}  // namespace roktcached::caching
