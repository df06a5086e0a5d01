#include "core/caching/freshness.h"

#include <algorithm>

namespace roktcached::caching {

using std::chrono::milliseconds;

namespace {

/// How long a restating range lives that has stayed the same at so many refreshes in a row.
milliseconds restating_lifetime(const FreshnessPolicy& policy, unsigned steady_refreshes) {
  milliseconds lifetime = policy.restating;
  if (policy.restating_steady_after == 0) return lifetime;
  for (std::uint64_t i = policy.restating_steady_after;
       i <= steady_refreshes && lifetime < policy.restating_max; ++i)
    lifetime *= 2;
  return std::min(lifetime, std::max(policy.restating, policy.restating_max));
}

milliseconds lifetime_in(FreshnessState state, unsigned status, const FreshnessPolicy& policy,
                         unsigned steady_refreshes) {
  switch (state) {
    case FreshnessState::open:
      return policy.open;
    case FreshnessState::restating:
      return restating_lifetime(policy, steady_refreshes);
    case FreshnessState::settled:
      return policy.settled;
    case FreshnessState::metadata:
      return policy.metadata;
    case FreshnessState::negative:
      return status == 404 ? policy.not_found : policy.bad_request;
  }
  return milliseconds{0};
}

}  // namespace

std::string_view to_string(FreshnessState state) {
  switch (state) {
    case FreshnessState::open:
      return "open";
    case FreshnessState::restating:
      return "restating";
    case FreshnessState::settled:
      return "settled";
    case FreshnessState::metadata:
      return "metadata";
    case FreshnessState::negative:
      return "negative";
  }
  return {};
}

FreshnessState report_state(WallTime range_end, WallTime now, milliseconds restatement_window) {
  if (now <= range_end) return FreshnessState::open;
  return now - range_end < restatement_window ? FreshnessState::restating : FreshnessState::settled;
}

std::optional<Lifetime> lifetime_of(rokt::RouteClass route_class, unsigned status,
                                    std::optional<WallTime> range_end, WallTime fetched_at,
                                    const FreshnessPolicy& policy, unsigned steady_refreshes) {
  const bool cached = rokt::is_kept_by_lifetimes(route_class);
  const bool negative = status == 404 || status == 400;
  if (!cached || (status != 200 && !negative)) return std::nullopt;
  FreshnessState state = FreshnessState::open;
  if (negative) {
    state = FreshnessState::negative;
  } else if (route_class == rokt::RouteClass::metadata) {
    state = FreshnessState::metadata;
  } else if (range_end) {
    state = report_state(*range_end, fetched_at, policy.restatement_window);
  }
  const milliseconds fresh = lifetime_in(state, status, policy, steady_refreshes);
  if (fresh <= milliseconds{0}) return std::nullopt;
  const WallTime fresh_until = fetched_at + fresh;
  const milliseconds stale =
      negative ? milliseconds{0} : std::max(policy.stale_if_error, policy.stale_while_revalidate);
  return Lifetime{state, fresh_until, fresh_until + stale};
}

}  // namespace roktcached::caching
