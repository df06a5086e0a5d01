#include "server/upstream/limit/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/asio.h"
#include "server/background.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

using std::chrono::milliseconds;

namespace {

/// How much the latest request counts in the moving average of the time under way.
constexpr double newest_share = 0.1;

constexpr const char* serving = "giving a request its turn";

/// Rounded up: who comes back a moment too early would have come for nothing.
milliseconds rounded_up(std::chrono::nanoseconds time) {
  return std::chrono::ceil<milliseconds>(time);
}

}  // namespace

struct Admission::Waiter {
  Waiter(const asio::any_io_executor& executor, Turn& its_turn, std::string_view its_route)
      : timer(executor), turn(its_turn), route(its_route) {}
  asio::steady_timer timer;  // cancelled when there is something to be seen here
  Turn& turn;                // while it has places
  const std::string_view route;
  std::vector<FairQueue::Handle> places;
  bool admitted = false;
  std::optional<UpstreamFailure> failure;
};

Admission::Admission(asio::any_io_executor executor, const config::Budget& budget, std::string credential,
                     const Clock& clock, SharedBudget* shared)
    : executor_(std::move(executor)),
      budget_(budget),
      credential_(std::move(credential)),
      clock_(clock),
      weights_(budget.shares.begin(), budget.shares.end()),
      limit_({.ceiling = budget.requests_per_second, .burst = static_cast<double>(budget.burst)}, shared),
      queue_(budget.max_queued),
      next_turn_(executor_) {
  limit_.start([this] { serve_or_retry(); });
}

void Admission::change(config::Budget budget) {
  weights_ = {budget.shares.begin(), budget.shares.end()};
  budget_ = std::move(budget);
  limit_.change({.ceiling = budget_.requests_per_second, .burst = static_cast<double>(budget_.burst)},
                clock_.steady_now());
  queue_.set_max_queued(budget_.max_queued);
  serve();
}

std::optional<Admission::Permit> Admission::admit_now(Turn& turn, SteadyTime now) {
  if (queue_.size() > 0 || is_full() || !limit_.take(now)) return std::nullopt;
  under_way_.push_back(&turn);
  return Permit(*this, now, turn);
}

asio::awaitable<Admission::Admitted> Admission::admit(Turn& turn, std::string_view route) {
  const auto waiter = std::make_shared<Waiter>(executor_, turn, route);
  // However the wait ends, for want of memory too: nobody else may be kept waiting for this one.
  auto end_wait = [this, &waiter](Turn* ended) {
    ended->joined = nullptr;
    leave(waiter);
    if (waiter->admitted) cancel(*ended, false);
  };
  const std::unique_ptr<Turn, decltype(end_wait)> waiting(&turn, end_wait);
  std::optional<UpstreamFailure> refused;
  for (const Turn::Place& place : turn.places()) refused = take_place(waiter, place, turn.deadline());
  if (waiter->places.empty()) {
    ++refused_;
    co_return *refused;
  }
  turn.joined = [this, waiter, &turn](const Turn::Place& place) {
    if (take_place(waiter, place, turn.deadline())) return;  // the places before it are still there
    waiter->timer.cancel();                                  // to wait longer
    serve();
  };
  const Turn::Watch watch(&turn, [&timer = waiter->timer] { timer.cancel(); });
  serve();
  while (!waiter->places.empty() && !turn.unwanted() && clock_.steady_now() < turn.deadline()) {
    waiter->timer.expires_at(turn.deadline());
    co_await waiter->timer.async_wait(as_result);
  }
  leave(waiter);
  if (std::exchange(waiter->admitted, false)) {
    Permit permit(*this, clock_.steady_now(), turn);
    if (!turn.unwanted()) co_return std::move(permit);
    permit.cancel(false);
  }
  if (turn.unwanted()) co_return UpstreamFailure{nobody_waits(), std::nullopt};
  ++refused_;
  if (waiter->failure) co_return *waiter->failure;
  const Turn::Place& first = turn.places().front();
  co_return refusal(expected_wait(first.client, first.priority));
}

/// @return why there is no place, or none worth having
std::optional<UpstreamFailure> Admission::take_place(const WaiterPtr& waiter, const Turn::Place& place,
                                                     SteadyTime deadline) {
  const milliseconds wait = expected_wait(place.client, place.priority);
  if (clock_.steady_now() + wait > deadline) return refusal(wait);
  const FairQueue::Pushed pushed =
      queue_.push({place.client, weight_of(place.client), place.priority, deadline});
  if (pushed.queued) register_place(waiter, *pushed.queued);
  if (pushed.displaced) lose_place(*pushed.displaced, refusal(wait));
  return pushed.queued ? std::nullopt : std::optional(refusal(wait));
}

/// If memory fails, the place is given up: nobody would hear of its turn.
void Admission::register_place(const WaiterPtr& waiter, FairQueue::Handle place) {
  try {
    waiters_.emplace(place, waiter);
    waiter->places.push_back(place);
  } catch (...) {
    waiters_.erase(place);
    queue_.remove(place);
    throw;
  }
}

/// The queue has given a place up; who has no other is answered.
void Admission::lose_place(FairQueue::Handle handle, const UpstreamFailure& failure) {
  const auto found = waiters_.find(handle);
  const WaiterPtr waiter = found->second;
  waiters_.erase(found);
  std::erase(waiter->places, handle);
  if (!waiter->places.empty()) return;
  waiter->timer.cancel();  // heard of after this
  waiter->failure = failure;
}

void Admission::leave(const WaiterPtr& waiter) {
  for (const FairQueue::Handle place : waiter->places) {
    queue_.remove(place);
    waiters_.erase(place);
  }
  waiter->places.clear();
}

/// Lets the next requests through, and comes back when the next token is there.
void Admission::serve() {
  if (queue_.size() == 0) return;
  const SteadyTime now = clock_.steady_now();
  for (const FairQueue::Handle late : queue_.expire(now)) {
    const auto found = waiters_.find(late);
    std::erase(found->second->places, late);
    if (found->second->places.empty()) found->second->timer.cancel();
    waiters_.erase(found);
  }
  while (queue_.size() > 0) {
    if (is_full()) return make_room();
    limit_.want(queue_.size(), queue_.size() == queue_.size(Priority::refresh_ahead));
    if (!limit_.take(now)) return serve_at(now + limit_.until_available(now));
    const auto next = queue_.pop(now);
    if (!next) return;
    const WaiterPtr waiter = waiters_.at(*next);
    under_way_.push_back(&waiter->turn);
    waiter->admitted = true;
    waiters_.erase(*next);
    std::erase(waiter->places, *next);
    leave(waiter);
    waiter->timer.cancel();
  }
}

void Admission::serve_at(SteadyTime time) {
  next_turn_.expires_at(time);
  next_turn_.async_wait([this](const boost::system::error_code& error) {
    if (!error) serve_or_retry();
  });
}

/// Abandons one at a time, since its place comes back in a moment. None while the limit lets nobody through.
void Admission::make_room() {
  if (!is_full() || queue_.size(Priority::interactive) == 0) return;
  if (std::ranges::any_of(under_way_, &Turn::abandoned)) return;
  const auto oldest = std::ranges::find_if(under_way_, &Turn::unattended);
  if (oldest == under_way_.end()) return;
  const SteadyTime now = clock_.steady_now();
  const auto wait = limit_.until_available(now);
  if (wait > std::chrono::nanoseconds::zero()) return serve_at(now + wait);
  (*oldest)->abandon();
}

void Admission::release(const Turn& turn, SteadyTime since, SteadyTime now) noexcept {
  const double took = std::chrono::duration<double>(now - since).count();
  service_s_ = service_s_ == 0 ? took : service_s_ + newest_share * (took - service_s_);
  end(turn);
}

void Admission::cancel(const Turn& turn, bool sent) noexcept {
  if (!sent) limit_.give_back(clock_.steady_now());
  end(turn);
}

void Admission::end(const Turn& turn) noexcept {
  under_way_.erase(std::ranges::find(under_way_, &turn));
  serve_or_retry();
}

/// For callers that may not throw. If memory fails, those who wait are looked at again soon.
void Admission::serve_or_retry() noexcept {
  try {
    serve();
    return;
  } catch (...) {
    log_failure(serving, std::current_exception());
  }
  retry_until_done(serving, [this] { serve_at(clock_.steady_now() + pause_without_memory); });
}

void Admission::give_up(const UpstreamFailure& failure, std::optional<std::string_view> route) {
  std::vector<FairQueue::Handle> places;
  for (const auto& [place, waiter] : waiters_) {
    if (!route || waiter->route == *route) places.push_back(place);
  }
  for (const FairQueue::Handle place : places) {
    queue_.remove(place);
    lose_place(place, failure);
  }
  if (waiters_.empty()) next_turn_.cancel();
}

void Admission::on_answer(unsigned status, SteadyTime sent_at, SteadyTime now,
                          std::optional<milliseconds> retry_after) {
  if (status == 429) {
    limit_.on_limited(sent_at, now, retry_after);
  } else {
    limit_.on_success(sent_at, now);
  }
}

double Admission::weight_of(std::string_view client) const {
  const auto found = weights_.find(client);
  return found == weights_.end() ? 1 : found->second;
}

/// Requests a second that go through: as the limit allows, and as those under way make room.
double Admission::rate_served() const {
  const double by_room = service_s_ > 0 ? static_cast<double>(budget_.max_concurrent) / service_s_ : 0;
  const double by_limit = limit_.rate();
  if (by_limit <= 0 || by_room <= 0) return std::max(by_limit, by_room);
  return std::min(by_limit, by_room);
}

milliseconds Admission::expected_wait(std::string_view client, Priority priority) const {
  const SteadyTime now = clock_.steady_now();
  // An unattended request makes room.
  const auto in_the_way = std::ranges::count(under_way_, false, &Turn::unattended);
  const bool room = static_cast<std::size_t>(in_the_way) < budget_.max_concurrent;
  const double at_once = room ? limit_.available(now) : 0;
  const milliseconds in_line =
      queue_.expected_wait(client, weight_of(client), priority, rate_served(), at_once);
  return std::max(in_line, rounded_up(limit_.until_available(now)));
}

UpstreamFailure Admission::refusal(milliseconds wait) const {
  return {
      {ErrorCode::upstream_budget_exhausted, true,
       fmt::format("the budget of credential {} is spent for now: {} requests wait, {} are under way, {:.3g} "
                   "a second may go",
                   credential_, queue_.size(), under_way_.size(), limit_.rate()),
       ErrorSource::upstream},
      std::max(wait, milliseconds{1})};
}

bool Admission::idle() const {
  const double half = std::max(1.0, limit_.burst() / 2);
  const bool room = under_way_.size() < (budget_.max_concurrent + 1) / 2;
  return queue_.size() == 0 && room && (limit_.rate() <= 0 || limit_.available(clock_.steady_now()) >= half);
}

BudgetStatus Admission::status() const {
  const SteadyTime now = clock_.steady_now();
  return {.rate = limit_.rate(),
          .ceiling = budget_.requests_per_second,
          .available = limit_.available(now),
          .paused = limit_.paused(now),
          .burst = budget_.burst,
          .in_flight = under_way_.size(),
          .max_concurrent = budget_.max_concurrent,
          .queued = queue_.size(),
          .max_queued = budget_.max_queued,
          .limited = limit_.limited(),
          .cuts = limit_.cuts(),
          .refused = refused_,
          .waiting = queue_.waiting_by_client()};
}

}  // namespace roktcached::upstream
