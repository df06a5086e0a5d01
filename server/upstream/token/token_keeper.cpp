#include "server/upstream/token/token_keeper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <optional>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

namespace {
constexpr std::chrono::minutes acceptance_lasts{1};
/// Until a credential that was refused is shown again: somebody has to change something first.
constexpr std::chrono::minutes refusal_lasts{1};
/// A longer one is a mistake of the endpoint's: nobody would be served for as long.
constexpr std::chrono::hours longest_retry_after{1};
constexpr const char* refreshing = "refreshing a token";
}  // namespace

TokenKeeper::TokenKeeper(asio::any_io_executor executor, TokenSource& source, std::string credential,
                         const Clock& clock)
    : executor_(std::move(executor)),
      source_(source),
      credential_(std::move(credential)),
      clock_(clock),
      schedule_(executor_),
      waiting_(executor_) {}

void TokenKeeper::start() {
  spawn_refresher(std::chrono::milliseconds::zero());
}

void TokenKeeper::spawn_refresher(std::chrono::milliseconds delay) {
  const auto go_on = [this](bool failed) {
    if (failed && !stopped_) post_with_retry(executor_, [this] { spawn_refresher(end_broken_fetch()); });
  };
  retry_until_done(refreshing, [&] { spawn_watched(executor_, run(delay), refreshing, go_on); });
}

void TokenKeeper::stop() {
  stopped_ = true;
  schedule_.cancel();
  waiting_.wake();
}

/// @param delay  before the first fetch
asio::awaitable<void> TokenKeeper::run(std::chrono::milliseconds delay) {
  if (delay > std::chrono::milliseconds::zero()) co_await pause(delay);
  while (!stopped_) {
    const std::chrono::milliseconds until_next = co_await fetch_once();
    if (stopped_) break;
    co_await pause(until_next);
  }
}

asio::awaitable<void> TokenKeeper::pause(std::chrono::milliseconds delay) {
  next_attempt_ = clock_.steady_now() + delay;
  schedule_.expires_at(next_attempt_);
  co_await schedule_.async_wait(as_result);
}

/// @return how long until the next one
asio::awaitable<std::chrono::milliseconds> TokenKeeper::fetch_once() {
  fetching_ = true;
  const FetchedToken fetched = co_await source_.fetch();
  fetching_ = false;
  refused_ = !fetched && fetched.error().credential_refused;
  failures_in_a_row_ = fetched ? 0 : failures_in_a_row_ + 1;
  if (fetched) token_ = *fetched;
  const std::chrono::milliseconds delay = delay_after(fetched);
  if (fetched) {
    const auto lifetime_s = std::chrono::duration_cast<std::chrono::seconds>(token_->lifetime).count();
    log_event(spdlog::level::info, token_->of_fleet ? "token-taken" : "token-minted",
              "token: credential {}: {}, lives {} s", credential_,
              token_->of_fleet ? "taken from the fleet" : "minted", lifetime_s)
        .with("credential", credential_)
        .with("lifetime_s", lifetime_s)
        .log();
  } else {
    const std::string& why = fetched.error().error.context;
    log_event(spdlog::level::warn, "token-failed",
              "token: credential {}: {} (attempt {}, the next in {:.1f} s, {})", credential_, why,
              failures_in_a_row_, std::chrono::duration<double>(delay).count(),
              alive(clock_.steady_now()) ? "the old one is still alive" : "none is alive")
        .with("credential", credential_)
        .with("error", why)
        .with("attempt", failures_in_a_row_)
        .with("next_ms", delay.count())
        .log();
  }
  {
    const LockGuard lock(status_mutex_);
    if (fetched) {
      if (!token_->of_fleet) ++status_.minted;
      status_.last_error.clear();
      status_.expires_at = token_->expires_at_wall;
    } else {
      ++status_.failures;
      status_.last_error = fmt::format("credential {}: {}", credential_, fetched.error().error.context);
    }
  }
  waiting_.wake();
  co_return delay;
}

/// Memory has failed, say: nothing here may need any.
std::chrono::milliseconds TokenKeeper::end_broken_fetch() {
  fetching_ = false;
  ++failures_in_a_row_;
  {
    const LockGuard lock(status_mutex_);
    ++status_.failures;
  }
  waiting_.wake();
  return retry_delay(failures_in_a_row_, jitter());
}

std::chrono::milliseconds TokenKeeper::delay_after(const FetchedToken& fetched) {
  const bool again = std::exchange(again_, false);
  if (fetched) return renewal_delay((*fetched)->lifetime, jitter());
  if (again) return std::chrono::milliseconds::zero();
  if (refused_) return refusal_lasts;
  const std::chrono::milliseconds asked_for =
      fetched.error().retry_after.value_or(std::chrono::milliseconds::zero());
  return std::max(retry_delay(failures_in_a_row_, jitter()),
                  std::min<std::chrono::milliseconds>(asked_for, longest_retry_after));
}

asio::awaitable<void> TokenKeeper::wait_for_fetch(Turn& turn) {
  while (fetching_ && !stopped_ && !turn.unwanted() && clock_.steady_now() < turn.deadline())
    co_await waiting_.wait(turn, turn.deadline());
}

TokenPtr TokenKeeper::at_hand(SteadyTime now) const {
  const bool refused = token_ && token_ == doubted_;
  return alive(now) && !(refused && fetching_) ? token_ : nullptr;
}

asio::awaitable<TokenResult> TokenKeeper::get(Turn& turn) {
  if (!at_hand(clock_.steady_now()) && fetching_) co_await wait_for_fetch(turn);
  if (turn.unwanted()) co_return UpstreamFailure{nobody_waits(), std::nullopt};
  if (alive(clock_.steady_now())) co_return token_;
  co_return unavailable();
}

asio::awaitable<TokenResult> TokenKeeper::renew(TokenPtr refused, Turn& turn) {
  if (token_ == refused) {
    if (clock_.steady_now() - refused->minted_at < doubt_after(refused->lifetime)) co_return TokenPtr();
    doubted_ = refused;
    // Within the backoff of a failing endpoint nothing is forced: who comes next would only fail again.
    if (failures_in_a_row_ == 0) fetch_now();
    if (fetching_) co_await wait_for_fetch(turn);
    if (turn.unwanted()) co_return UpstreamFailure{nobody_waits(), std::nullopt};
  }
  if (alive(clock_.steady_now()) && token_ != refused) co_return token_;
  co_return unavailable();
}

void TokenKeeper::fetch_again() {
  again_ = fetching_;
  fetch_now();
}

void TokenKeeper::fetch_now() {
  if (fetching_) return;
  fetching_ = true;
  schedule_.cancel();
}

void TokenKeeper::accepted(const TokenPtr& token, SteadyTime now) {
  accepted_token_ = token;
  accepted_at_ = now;
}

bool TokenKeeper::recently_accepted(const TokenPtr& token) const {
  return accepted_token_ == token && clock_.steady_now() - accepted_at_ < acceptance_lasts;
}

UpstreamFailure TokenKeeper::unavailable() const {
  std::string why = status().last_error;
  if (why.empty()) why = fmt::format("credential {}: the token endpoint has not answered yet", credential_);
  const auto wait = next_attempt_ - clock_.steady_now();
  return {
      {ErrorCode::token_unavailable, true, std::move(why), ErrorSource::upstream},
      std::chrono::duration_cast<std::chrono::milliseconds>(std::max(wait, SteadyTime::duration::zero()))};
}

bool TokenKeeper::alive(SteadyTime now) const {
  return token_ && now < token_->expires_at;
}

double TokenKeeper::jitter() {
  return std::uniform_real_distribution<double>(0, 1)(random_);
}

TokenStatus TokenKeeper::status() const {
  const LockGuard lock(status_mutex_);
  TokenStatus copy = status_;
  copy.alive = copy.expires_at && clock_.wall_now() < *copy.expires_at;
  return copy;
}

}  // namespace roktcached::upstream
