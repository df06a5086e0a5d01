#include "server/proxy/fetch/cache_updater.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "core/caching/variants.h"
#include "server/log_event.h"
#include "server/proxy/decision_log.h"
#include "server/proxy/report/json_diff.h"

namespace roktcached::proxy {

using caching::Storing;

namespace {

/// Targets whose invalidation is remembered one by one; beyond, everything under way counts as invalidated.
constexpr std::size_t max_invalidated = 4096;

caching::Subject subject_of(const FetchRequest& request) {
  return {request.key, request.route, request.account_id, request.campaign_id};
}

}  // namespace

Result<std::uint64_t> CacheUpdater::purge(const caching::Purge& purge) {
  const Purges::UnderWay under_way(purges_, purge);
  return store_.purge(purge, clock_.wall_now());
}

Result<std::uint64_t> CacheUpdater::purge_after_other(const caching::Purge& purge) {
  const Purges::UnderWay under_way(purges_, purge);
  return store_.purge_after_other(purge, clock_.wall_now());
}

bool CacheUpdater::purged_between(const FetchRequest& request, SteadyTime from) const {
  return purges_.ended_between(subject_of(request), from, request.received_at);
}

caching::StoredResponsePtr CacheUpdater::unless_removed(caching::StoredResponsePtr stored,
                                                        SteadyTime looked_up_at) const {
  const bool removed = stored && purges_.removed_since(caching::subject_of(*stored), looked_up_at);
  return removed ? nullptr : stored;
}

void CacheUpdater::keep(const FetchRequest& request, FetchOutcome& outcome, SteadyTime started_at) {
  for (const auto& target : outcome.invalidated) end_stored(target, request.route);
  // The answer to an unsafe method is newer than the invalidation that it has caused itself. For other
  // requests the time of the look-up counts: an entry that was looked up when the request came may have been
  // invalidated before it was sent, and must not come back.
  const SteadyTime looked_up_at = std::min(started_at, request.received_at);
  if (outcome.invalidated.empty() && ended_since(request, looked_up_at)) {
    if (outcome.stored()) outcome.storing = Storing::invalidated;
    outcome.to_store.clear();
  }
  if (request.http && request.http->method == "HEAD") drop_outdated(request, outcome);
  constexpr std::size_t usual_subjects = 4;
  boost::container::small_vector<caching::Subject, usual_subjects> subjects;
  subjects.push_back(subject_of(request));
  for (const auto& response : outcome.to_store) subjects.push_back(caching::subject_of(*response));
  const bool put = purges_.put_unless_purged({subjects.data(), subjects.size()}, started_at, [&] {
    for (const auto& response : outcome.to_store) {
      const Storing taken = store_.put(response);
      if (outcome.stored()) outcome.storing = taken;
      // A later invalidation must take another generation, whatever the clock says then.
      if (caching::VariantIndex::is_index(*response))
        last_generation_ = std::max(last_generation_, response->fetched_at);
    }
  });
  if (!put && outcome.stored()) outcome.storing = Storing::purged;
  log_storing(request.route, request.key, outcome.storing);
  if (!outcome.stored()) not_stored_[static_cast<std::size_t>(outcome.storing)].add();
  if (outcome.kind == AnswerKind::not_json) {
    const std::string key = caching::to_hex(request.key.hash());
    const std::string sentence =
        fmt::format("not JSON: route={} key={} status={}: the upstream's answer is not kept", request.route,
                    key, outcome.upstream_status);
    LogEvent(spdlog::level::warn, "not-json", sentence)
        .with("route", request.route)
        .with("key", key)
        .with("status", outcome.upstream_status)
        .log();
  }
  if (outcome.stored() && outcome.restates) note_restatement(*outcome.response);
}

/// A HEAD runs beside others: what it has looked up, and would put back freshened, may have been replaced.
void CacheUpdater::drop_outdated(const FetchRequest& request, FetchOutcome& outcome) {
  const auto is_outdated = [&](const caching::StoredResponsePtr& response) {
    const auto there = store_.usage_of(response->key.hash()).response;
    return there && there != request.stored;
  };
  const auto outdated = std::ranges::remove_if(outcome.to_store, is_outdated);
  if (!outdated.empty() && outcome.stored()) outcome.storing = Storing::replaced;
  outcome.to_store.erase(outdated.begin(), outdated.end());
}

void CacheUpdater::note_restatement(const caching::StoredResponse& response) {
  restatements_.fetch_add(1, std::memory_order_relaxed);
  const std::string key = caching::to_hex(response.key.hash());
  const std::string moved = names_of(response.restated->moved);
  log_event(spdlog::level::info, "restated", "restated: route={} key={} account={} times={} moved=[{}]",
            response.route.view(), key, response.account_id.view(), response.restated->times, moved)
      .with("route", response.route.view())
      .with("key", key)
      .with("account", response.account_id.view())
      .with("times", response.restated->times)
      .with("moved", moved)
      .log();
}

void CacheUpdater::end_stored(const caching::Key& target, std::string_view route) {
  if (invalidated_.size() >= max_invalidated) {
    invalidated_.clear();
    all_invalidated_at_ = clock_.steady_now();
  }
  invalidated_[target.hash()] = clock_.steady_now();
  // No two generations are the same, also where the clock stands still or has been set back.
  last_generation_ = std::max(clock_.wall_now(), last_generation_) + std::chrono::milliseconds{1};
  store_.put(caching::VariantIndex(last_generation_).to_stored(target, route));
}

NotStored CacheUpdater::not_stored() const {
  NotStored read{};
  std::ranges::transform(not_stored_, read.begin(), &Counter::read);
  return read;
}

bool CacheUpdater::ended_since(const FetchRequest& request, SteadyTime started_at) const {
  if (!request.http) return false;
  const auto found = invalidated_.find(request.http->target.hash());
  return all_invalidated_at_ >= started_at || (found != invalidated_.end() && found->second >= started_at);
}

}  // namespace roktcached::proxy
