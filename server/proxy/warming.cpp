#include "server/proxy/warming.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "core/caching/decision.h"
#include "core/caching/storing.h"
#include "server/asio.h"
#include "server/proxy/report/report_fetch.h"

namespace roktcached::proxy {

namespace {

constexpr std::chrono::milliseconds look_every{20};
constexpr unsigned too_many_requests = 429;
constexpr unsigned not_modified = 304;
constexpr unsigned ok = 200;

Warmed of_failure(const upstream::UpstreamFailure& failure) {
  const ErrorCode code = failure.error.code;
  const bool later = code == ErrorCode::upstream_budget_exhausted || code == ErrorCode::overloaded ||
                     code == ErrorCode::client_gone;  // it gave way to somebody who waits
  return {later ? Warmth::busy : Warmth::failed, failure.error.context, failure.retry_after};
}

Warmed of_outcome(const FetchOutcome& outcome) {
  if (outcome.failure) return of_failure(*outcome.failure);
  if (outcome.upstream_status == too_many_requests)
    return {Warmth::busy, "the upstream answered 429: its limit is spent for now"};
  const unsigned status = outcome.response->status;
  if (status != ok) return {Warmth::failed, "the upstream answered " + std::to_string(status)};
  if (!outcome.stored()) return {Warmth::not_stored, std::string(caching::name_of(outcome.storing))};
  return {outcome.upstream_status == not_modified ? Warmth::confirmed : Warmth::fetched};
}

}  // namespace

std::string_view to_string(Warmth warmth) {
  static constexpr std::array<std::string_view, warmth_count> names = {
      "fresh", "fetched", "confirmed", "not-stored", "refused", "failed", "busy"};
  return names.at(static_cast<std::size_t>(warmth));
}

Warming::Warming(FetchTable& fetches, const upstream::Upstream& upstream, storage::ResponseStore& store,
                 asio::any_io_executor upstream_executor, asio::any_io_executor files, const Clock& clock,
                 std::chrono::milliseconds patience)
    : fetches_(fetches),
      upstream_(upstream),
      store_(store),
      upstream_executor_(std::move(upstream_executor)),
      files_(std::move(files)),
      clock_(clock),
      patience_(patience) {}

asio::awaitable<Warmed> Warming::warm(RuntimePtr runtime, CacheRequestPtr cache_request) const {
  const SteadyTime asked_at = clock_.steady_now();  // a purge that comes later ends what is looked up now
  auto looking = asio::co_spawn(files_, look_up(cache_request->key), asio::use_awaitable);
  caching::StoredResponsePtr stored = co_await std::move(looking);
  const caching::Decision decision =
      caching::decide(stored.get(), {}, *cache_request->policy, clock_.wall_now());
  if (decision.action == caching::Action::use) co_return Warmed{Warmth::fresh};
  auto request = report_fetch(*runtime, *cache_request, std::move(stored));
  request->upstream.priority = upstream::Priority::refresh_ahead;
  request->upstream.reason = counters::Reason::refresh_ahead;
  request->received_at = asked_at;
  auto fetching = asio::co_spawn(upstream_executor_, fetch(std::move(request)), asio::use_awaitable);
  co_return co_await std::move(fetching);
}

/// A store that fails is a miss.
asio::awaitable<caching::StoredResponsePtr> Warming::look_up(caching::Key key) const {
  auto found = store_.find(key, clock_.wall_now());
  co_return found ? std::move(*found) : nullptr;
}

/// On the upstream thread: that the upstream is idle holds until the fetch has begun.
asio::awaitable<Warmed> Warming::fetch(std::unique_ptr<FetchRequest> request) const {
  const bool idle = co_await wait_until_idle(request->upstream.credential);
  if (!idle) co_return Warmed{Warmth::busy, "the upstream has nothing to spare"};
  const auto ticket = std::make_shared<FetchTable::Ticket>(fetches_);
  const FetchResult result = co_await fetches_.join(std::move(request), ticket);
  if (result.outcome) co_return of_outcome(*result.outcome);
  if (result.look_again) co_return Warmed{Warmth::fetched};  // somebody else's fetch has stored it
  co_return Warmed{Warmth::failed, "the fetch has ended without an answer"};
}

asio::awaitable<bool> Warming::wait_until_idle(std::size_t credential) const {
  const SteadyTime until = clock_.steady_now() + patience_;
  asio::steady_timer timer(upstream_executor_);
  while (!upstream_.idle(credential)) {
    if (clock_.steady_now() >= until) co_return false;
    timer.expires_after(look_every);
    co_await timer.async_wait(as_result);
  }
  co_return true;
}

}  // namespace roktcached::proxy
