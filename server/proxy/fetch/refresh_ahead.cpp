#include "server/proxy/fetch/refresh_ahead.h"

#include <xxhash.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <limits>

#include "core/caching/decision.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/cache_request.h"

namespace roktcached::proxy {

namespace {

constexpr std::size_t max_expected = 16'384;
constexpr std::size_t max_under_way = 2;
/// How many due entries are looked at in a row: the others that the thread serves wait meanwhile.
constexpr int looked_at_in_a_row = 1000;
/// Times on the schedule are wall time, which may jump: it is looked at every second.
constexpr std::chrono::seconds look_every{1};
constexpr const char* refreshing = "refreshing ahead";

std::size_t other_hash_of(const caching::Key& key) {
  constexpr XXH64_hash_t other_seed = 1;
  return XXH3_64bits_withSeed(key.text().data(), key.text().size(), other_seed);
}

}  // namespace

RefreshAhead::RefreshAhead(asio::any_io_executor upstream_executor, storage::ResponseStore& store,
                           const upstream::Upstream& upstream, const Clock& clock, Refresh refresh)
    : upstream_executor_(std::move(upstream_executor)),
      store_(store),
      upstream_(upstream),
      clock_(clock),
      refresh_(std::move(refresh)),
      timer_(upstream_executor_) {}

void RefreshAhead::has_stored(const FetchRequest& request, const caching::StoredResponse& response,
                              std::uint64_t asks) {
  if (request.settings_number < settings_number_) return;  // begun before a reload: its policy is of old
  const bool ever = !request.http && request.policy.refresh_ahead_uses > 0 && response.status == 200;
  if (!ever) return;
  const WallTime due = caching::refresh_ahead_at(response);
  // What lives longer than all that are remembered would be dropped again.
  if (schedule_.size() >= max_expected && due >= schedule_.rbegin()->first) return wake_up_later();
  Expected expected;
  expected.hash = response.key.hash();
  expected.other_hash = other_hash_of(response.key);
  expected.fetched_at = response.fetched_at;
  expected.policy = kept(request.policy);
  expected.asks =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(asks, std::numeric_limits<std::uint32_t>::max()));
  expected.credential = static_cast<std::uint32_t>(request.upstream.credential);
  expected.inject_token = request.upstream.inject_token;
  expected.route_class = request.route_class;
  expected.route = request.route;
  // Most fall due last; then none of the others is looked at.
  schedule_.emplace_hint(schedule_.end(), due, expected);
  if (schedule_.size() > max_expected) schedule_.erase(std::prev(schedule_.end()));
  wake_up_later();
}

const caching::FreshnessPolicy* RefreshAhead::kept(const caching::FreshnessPolicy& policy) {
  const auto found = std::ranges::find(policies_, policy);
  return found != policies_.end() ? &*found : &policies_.emplace_front(policy);
}

void RefreshAhead::forget_all(std::uint64_t settings_number) {
  settings_number_ = settings_number;
  schedule_.clear();
  policies_.clear();
}

void RefreshAhead::stop() {
  stopped_ = true;
  timer_.cancel();
}

void RefreshAhead::wake_up_later() {
  if (timer_runs_ || stopped_ || schedule_.empty()) return;
  timer_.expires_after(look_every);
  timer_.async_wait([this](const boost::system::error_code& error) {
    timer_runs_ = false;
    if (error) return;
    try {
      look();
    } catch (...) {
      log_failure(refreshing, std::current_exception());
    }
    retry_until_done(refreshing, [this] { wake_up_later(); });
  });
  timer_runs_ = true;
}

void RefreshAhead::look() {
  const WallTime now = clock_.wall_now();
  auto next = schedule_.begin();
  for (int i = 0; i < looked_at_in_a_row; ++i) {
    if (stopped_ || next == schedule_.end() || next->first > now) return;
    const Expected& expected = next->second;
    const SteadyTime looked_up_at = clock_.steady_now();
    const caching::StoredResponsePtr stored = to_refresh(expected, now);
    if (stored) {
      if (under_way_ >= max_under_way) return;
      if (!upstream_.idle(expected.credential)) {
        ++next;  // another credential's may go
        continue;
      }
      FetchRequest request = request_for(expected, stored, looked_up_at);
      next = schedule_.erase(next);
      begin(std::move(request));
      continue;
    }
    next = schedule_.erase(next);
  }
}

/// The response that is stored for it, if that is the expected one, still fresh, and asked for enough.
caching::StoredResponsePtr RefreshAhead::to_refresh(const Expected& expected, WallTime now) {
  const storage::Usage usage = store_.usage_of(expected.hash);
  const bool expected_one = usage.response && usage.response->fetched_at == expected.fetched_at &&
                            other_hash_of(usage.response->key) == expected.other_hash;
  if (!expected_one || !caching::is_fresh(*usage.response, now)) return nullptr;
  const bool worth =
      caching::worth_refreshing_ahead(*usage.response, usage.finds + expected.asks, *expected.policy);
  return worth ? usage.response : nullptr;
}

FetchRequest RefreshAhead::request_for(const Expected& expected, caching::StoredResponsePtr stored,
                                       SteadyTime looked_up_at) const {
  FetchRequest request;
  request.key = stored->key;
  request.route = expected.route;
  request.route_class = expected.route_class;
  request.account_id = stored->account_id;
  request.campaign_id = stored->campaign_id;
  request.range_end = stored->range_end;
  request.upstream = {};
  ask_for(stored->key, request.upstream);
  request.upstream.route = expected.route;
  request.upstream.credential = expected.credential;
  request.upstream.inject_token = expected.inject_token;
  request.policy = *expected.policy;
  request.settings_number = settings_number_;
  request.received_at = looked_up_at;
  request.stored = std::move(stored);
  return request;
}

void RefreshAhead::begin(FetchRequest request) {
  auto refresh = refresh_(std::move(request));
  begun_.fetch_add(1, std::memory_order_relaxed);
  ++under_way_;  // given back at its end, also where it cannot be begun
  spawn_watched(upstream_executor_, std::move(refresh), refreshing, [this](bool failed) {
    --under_way_;
    failed ? wake_up_later() : look();  // for the next, if it is due
  });
}

}  // namespace roktcached::proxy
