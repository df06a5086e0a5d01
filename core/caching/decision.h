#pragma once

#include <chrono>
#include <optional>

#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/http/cache_control.h"
#include "core/http/cache_status.h"
#include "core/time.h"

namespace roktcached::caching {

/// The way to answer a request, given what is stored for its key.
enum class Action {
  use,              ///< answer from the store
  use_and_refresh,  ///< answer from the store, and fetch behind the answer (stale-while-revalidate)
  fetch,            ///< ask the upstream, with the stored validator if there is one; wait for it
  refuse,           ///< only-if-cached, and nothing to use
};

struct Decision {
  Action action = Action::fetch;
  http::Forward reason = http::Forward::miss;  ///< why it goes forward; none for `use` and `use_and_refresh`
};

/// Clocks of threads and of a host that is being set may differ by this much before a stored time is doubted.
inline constexpr std::chrono::milliseconds clock_tolerance = std::chrono::seconds{5};

/// True while `stored` is fresh. An answer that claims to have been fetched in the future (beyond
/// clock_tolerance) is not: the clock was set back, and its lifetime can no longer be measured.
[[nodiscard]] bool is_fresh(const StoredResponse& stored, WallTime now);

/// The rule, first match counts (RFC 9111, sections 4 and 5.2.1; RFC 5861, section 3):
///  1. nothing stored, or past usable_until: fetch (miss) - or refuse under only-if-cached;
///  2. fetched less than min_refetch_interval ago and fresh: use, whatever the client asks (a forced reload
///     must not spend the shared limit);
///  3. no-cache, or older than the client's max-age: fetch (request);
///  4. fresh, and for at least the client's min-fresh longer: use; fresh but not long enough: fetch
///     (request);
///  5. stale by no more than the client's max-stale: use;
///  6. stale for less than stale_while_revalidate, fetched when its range had ended, and the client sent no
///     max-age, min-fresh or max-stale: use and refresh. An answer that was fetched while its range was open
///     is not served stale like this: its numbers move every hour, and a tile that is looked at every few
///     minutes would always show the numbers before last;
///  7. else fetch (stale).
///
/// Under only-if-cached every "fetch" is "refuse", and no refresh runs behind an answer (use). Rules 5 and 6
/// are not for negative answers: their usable_until is their fresh_until, so rule 1 applies.
[[nodiscard]] Decision decide(const StoredResponse* stored, const http::RequestDirectives& request,
                              const FreshnessPolicy& policy, WallTime now);

/// How many refreshes in a row have left the body as it was, once one more has done so. Only a restating
/// range counts. A refresh counts only if it came after half the lifetime of what was stored: a client that
/// reloads every ten seconds proves nothing about an hour, nor does a soft purge.
/// @param fetched_at, range_end  of the refresh
[[nodiscard]] unsigned steady_refreshes_after(const StoredResponse& stored, std::optional<WallTime> range_end,
                                              WallTime fetched_at, const FreshnessPolicy& policy);

/// When to refresh a stored response ahead, if it is used enough: a twentieth of its lifetime before it
/// expires, but at least a second and at most a minute before. Never in the first half of its lifetime.
[[nodiscard]] WallTime refresh_ahead_at(const StoredResponse& stored);

/// Whether `stored` is used enough to be refreshed ahead: at least refresh_ahead_uses times since it was
/// fetched, counting the requests that its fetch answered. Only a 200 is: a negative answer is not worth the
/// shared limit.
[[nodiscard]] bool worth_refreshing_ahead(const StoredResponse& stored, std::uint64_t uses,
                                          const FreshnessPolicy& policy);

/// Whether an answer of 200 with another body than `stored` changes numbers that had been given out for good:
/// those of a range that had ended when they were fetched.
[[nodiscard]] bool would_restate(const StoredResponse& stored, const FreshnessPolicy& policy);

/// Whether `stored` may stand in for a fetch that failed (RFC 5861, section 4): stale for less than
/// stale_if_error, and not from a future further away than stale_if_error (a clock set back makes nothing
/// immortal).
[[nodiscard]] bool may_stand_in(const StoredResponse* stored, const FreshnessPolicy& policy, WallTime now);

/// For Age: whole seconds since the fetch, never negative (RFC 9111, section 4.2.3).
[[nodiscard]] std::chrono::seconds age_of(const StoredResponse& stored, WallTime now);

/// For Cache-Status: the seconds of freshness that are left, negative for a stale response. Rounded away from
/// 0.
[[nodiscard]] std::chrono::seconds ttl_of(const StoredResponse& stored, WallTime now);

}  // namespace roktcached::caching
