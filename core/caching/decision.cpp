#include "core/caching/decision.h"

#include <algorithm>

namespace roktcached::caching {

using http::Forward;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

bool from_the_future(const StoredResponse& stored, WallTime now) {
  return stored.fetched_at > now + clock_tolerance;
}

bool older_than(const StoredResponse& stored, std::optional<seconds> max_age, WallTime now) {
  return max_age && now - stored.fetched_at > *max_age;
}

bool within(WallTime now, WallTime from, std::optional<seconds> span) {
  return span && (*span == seconds::max() || now - from <= *span);
}

bool fetched_open(const StoredResponse& stored, const FreshnessPolicy& policy) {
  return stored.range_end && report_state(*stored.range_end, stored.fetched_at, policy.restatement_window) ==
                                 FreshnessState::open;
}

Decision decide_stored(const StoredResponse& stored, const http::RequestDirectives& request,
                       const FreshnessPolicy& policy, WallTime now) {
  const bool fresh = is_fresh(stored, now);
  const bool fetched_moments_ago = now - stored.fetched_at < policy.min_refetch_interval;
  if (fresh && fetched_moments_ago) return {Action::use, Forward::none};
  if (request.no_cache || older_than(stored, request.max_age, now)) return {Action::fetch, Forward::request};
  if (fresh) {
    const bool long_enough = !request.min_fresh || stored.fresh_until - now >= *request.min_fresh;
    return long_enough ? Decision{Action::use, Forward::none} : Decision{Action::fetch, Forward::request};
  }
  const bool measurable = !from_the_future(stored, now);
  if (measurable && within(now, stored.fresh_until, request.max_stale)) return {Action::use, Forward::none};
  const bool particular = request.max_age || request.min_fresh || request.max_stale;
  if (measurable && !particular && !fetched_open(stored, policy) &&
      now - stored.fresh_until < policy.stale_while_revalidate) {
    return {Action::use_and_refresh, Forward::none};
  }
  return {Action::fetch, Forward::stale};
}

}  // namespace

bool is_fresh(const StoredResponse& stored, WallTime now) {
  return now < stored.fresh_until && !from_the_future(stored, now);
}

Decision decide(const StoredResponse* stored, const http::RequestDirectives& request,
                const FreshnessPolicy& policy, WallTime now) {
  Decision decision;  // fetch, miss
  if (stored != nullptr && now < stored->usable_until)
    decision = decide_stored(*stored, request, policy, now);
  if (!request.only_if_cached) return decision;
  if (decision.action == Action::fetch) decision.action = Action::refuse;
  if (decision.action == Action::use_and_refresh) decision.action = Action::use;
  return decision;
}

unsigned steady_refreshes_after(const StoredResponse& stored, std::optional<WallTime> range_end,
                                WallTime fetched_at, const FreshnessPolicy& policy) {
  const bool restating = range_end && report_state(*range_end, fetched_at, policy.restatement_window) ==
                                          FreshnessState::restating;
  if (!restating || fetched_open(stored, policy)) return 0;
  // The lifetime from before any soft purge: a refresh because of a soft purge came too soon to be evidence,
  // too.
  const auto lifetime = lifetime_of(rokt::RouteClass::report, stored.status, stored.range_end,
                                    stored.fetched_at, policy, stored.steady_refreshes);
  const bool evidence =
      lifetime && fetched_at - stored.fetched_at >= (lifetime->fresh_until - stored.fetched_at) / 2;
  constexpr unsigned enough = 1000;
  return std::min(stored.steady_refreshes + (evidence ? 1U : 0U), enough);
}

WallTime refresh_ahead_at(const StoredResponse& stored) {
  const milliseconds lifetime = stored.fresh_until - stored.fetched_at;
  const milliseconds lead =
      std::clamp(lifetime / 20, milliseconds{seconds{1}}, milliseconds{std::chrono::minutes{1}});
  return stored.fresh_until - std::min(lead, lifetime / 2);
}

bool worth_refreshing_ahead(const StoredResponse& stored, std::uint64_t uses, const FreshnessPolicy& policy) {
  return stored.status == 200 && policy.refresh_ahead_uses > 0 && uses >= policy.refresh_ahead_uses;
}

bool would_restate(const StoredResponse& stored, const FreshnessPolicy& policy) {
  return stored.status == 200 && stored.range_end && !fetched_open(stored, policy);
}

bool may_stand_in(const StoredResponse* stored, const FreshnessPolicy& policy, WallTime now) {
  if (stored == nullptr || now >= stored->usable_until) return false;
  return now - stored->fresh_until < policy.stale_if_error &&
         stored->fetched_at - now <= policy.stale_if_error;
}

seconds age_of(const StoredResponse& stored, WallTime now) {
  return std::max(std::chrono::floor<seconds>(now - stored.fetched_at), seconds{0});
}

seconds ttl_of(const StoredResponse& stored, WallTime now) {
  const milliseconds left = stored.fresh_until - now;
  return left > milliseconds{0} ? std::chrono::ceil<seconds>(left) : std::chrono::floor<seconds>(left);
}

}  // namespace roktcached::caching
