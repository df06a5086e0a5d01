#include "server/exchange/refresh_ahead.h"

#include <boost/asio/co_spawn.hpp>

#include "core/caching/decision.h"
#include "server/asio.h"
#include "server/background.h"

namespace roktcached::exchange {

namespace {

constexpr std::size_t max_expected = 16'384;
constexpr std::size_t max_under_way = 2;
/// Times on the schedule are wall time, which may jump: it is looked at every second.
constexpr std::chrono::seconds look_every{1};

}  // namespace

RefreshAhead::RefreshAhead(asio::any_io_executor desk, storage::ResponseStore& store,
                           const upstream::Upstream& upstream, const Clock& clock, Refresh refresh)
    : desk_(std::move(desk)),
      store_(store),
      upstream_(upstream),
      clock_(clock),
      refresh_(std::move(refresh)),
      timer_(desk_) {}

void RefreshAhead::has_stored(const FetchRequest& request, const caching::StoredResponse& response,
                              std::uint64_t asks) {
  const bool ever = !request.http && request.policy.refresh_ahead_uses > 0 && response.status == 200;
  if (!ever) return;
  Expected expected{response.key.hash(), response.fetched_at, asks, request};
  expected.request.stored.reset();
  expected.request.upstream.turn.reset();
  expected.request.upstream.fields.remove("traceparent");  // of the request that is over
  schedule_.emplace(caching::refresh_ahead_at(response), std::move(expected));
  if (schedule_.size() > max_expected) schedule_.erase(std::prev(schedule_.end()));
  wake_up_later();
}

void RefreshAhead::stop() {
  stopped_ = true;
  timer_.cancel();
}

void RefreshAhead::wake_up_later() {
  if (timer_runs_ || stopped_ || schedule_.empty()) return;
  timer_runs_ = true;
  timer_.expires_after(look_every);
  timer_.async_wait([this](const boost::system::error_code& error) {
    timer_runs_ = false;
    if (error) return;
    look();
    wake_up_later();
  });
}

void RefreshAhead::look() {
  const WallTime now = clock_.wall_now();
  for (auto next = schedule_.begin(); !stopped_ && next != schedule_.end() && next->first <= now;) {
    const Expected& expected = next->second;
    const caching::StoredResponsePtr stored = to_refresh(expected, now);
    if (stored) {
      if (under_way_ >= max_under_way) return;
      if (!upstream_.idle(expected.request.upstream.credential)) {
        ++next;  // another credential's may go
        continue;
      }
      FetchRequest request = expected.request;
      request.stored = stored;
      request.received_at = clock_.steady_now();
      next = schedule_.erase(next);
      begin(std::move(request));
      continue;
    }
    next = schedule_.erase(next);
  }
}

/// What is stored for it, if that is what was expected, fresh still, and asked for enough.
caching::StoredResponsePtr RefreshAhead::to_refresh(const Expected& expected, WallTime now) {
  const storage::Usage usage = store_.usage_of(expected.hash);
  const bool expected_one = usage.response && usage.response->key == expected.request.key &&
                            usage.response->fetched_at == expected.fetched_at;
  if (!expected_one || !caching::is_fresh(*usage.response, now)) return nullptr;
  const bool worth =
      caching::worth_refreshing_ahead(*usage.response, usage.finds + expected.asks, expected.request.policy);
  return worth ? usage.response : nullptr;
}

void RefreshAhead::begin(FetchRequest request) {
  ++under_way_;
  begun_.fetch_add(1, std::memory_order_relaxed);
  asio::co_spawn(desk_, refresh_(std::move(request)),
                 [this, log = logging_failure("refreshing ahead")](const std::exception_ptr& failure) {
                   --under_way_;
                   log(failure);
                   look();  // the next, if it is due
                 });
}

}  // namespace roktcached::exchange
