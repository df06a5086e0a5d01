#include "server/upstream/wire/pool.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "server/asio.h"
#include "server/upstream/limit/retry_policy.h"
#include "server/upstream/upstream.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

class Pool::Slot {
 public:
  explicit Slot(Pool& pool) : pool_(pool) {}
  ~Slot() { pool_.release_slot(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  Pool& pool_;
};

/// A place in the line, for as long as it lives. A request that has been granted a slot takes it, or it
/// goes to the next.
class Pool::Waiter {
 public:
  Waiter(Pool& pool, const Turn* turn) : timer(pool.executor_), pool_(pool), turn_(turn) {
    pool_.waiting_.push_back(this);
  }
  ~Waiter() {
    if (granted) {
      pool_.release_slot();
    } else {
      std::erase(pool_.waiting_, this);
    }
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  [[nodiscard]] bool is_interactive() const { return turn_ == nullptr || turn_->is_interactive(); }

  asio::steady_timer timer;  // cancelled when there is something to be seen here
  bool granted = false;      // not in the line any more

 private:
  Pool& pool_;
  const Turn* const turn_;
};

/// A connection while a request is under way on it.
class Pool::InUse {
 public:
  /// @param turn  may be null
  /// @param slot  the connection's, until it is given back
  InUse(Pool& pool, UpstreamConnection& connection, Turn* turn, const std::optional<Slot>& slot)
      : pool_(pool),
        connection_(connection),
        turn_(turn),
        slot_(slot),
        watch_(turn, [this] { is_abandoned() ? close() : pool_.make_room(); }),
        under_way_(turn) {
    pool_.busy_.push_back(this);
  }
  ~InUse() { std::erase(pool_.busy_, this); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

  void close() { connection_.close(); }
  [[nodiscard]] bool is_abandoned() const { return turn_ != nullptr && turn_->abandoned(); }
  /// Whether a slot becomes free in a moment.
  [[nodiscard]] bool gives_way() const { return slot_ && is_abandoned(); }
  [[nodiscard]] bool may_give_way() const { return slot_ && turn_ != nullptr && turn_->unattended(); }
  void give_way() { turn_->abandon(); }

 private:
  Pool& pool_;
  UpstreamConnection& connection_;
  Turn* const turn_;
  const std::optional<Slot>& slot_;
  const Turn::Watch watch_;
  const Turn::UnderWay under_way_;
};

Pool::Pool(asio::any_io_executor executor, Origin& origin) : executor_(std::move(executor)), origin_(origin) {
  idle_end_.emplace(executor_, [this] { close_idle(std::chrono::steady_clock::now()); });
}

asio::awaitable<Result<UpstreamResponse>> Pool::exchange(const WireRequest& request, GrowingAnswer* stream,
                                                         LargeAnswer large, Turn* turn) {
  if (!take_slot()) {
    const Result<void> admitted = co_await wait_for_slot(turn);
    if (!admitted) co_return admitted.error();
  }
  std::optional<Slot> slot(std::in_place, *this);
  // A stream goes at its client's pace, and is bounded by the clients: it keeps no other from a connection.
  const WhenBegun give_back(stream, [&slot] { slot.reset(); });
  std::unique_ptr<UpstreamConnection> connection = request.is_repeatable() ? take_idle() : nullptr;
  while (true) {
    const bool kept = connection != nullptr;
    if (!kept) {
      Result<std::unique_ptr<UpstreamConnection>> opened = co_await open(turn);
      if (!opened) co_return opened.error();
      connection = std::move(*opened);
    }
    std::optional<InUse> in_use(std::in_place, *this, *connection, turn, slot);
    Result<UpstreamResponse> response = co_await connection->exchange(request, stream, large);
    const bool abandoned = in_use->is_abandoned();
    in_use.reset();
    if (abandoned) co_return nobody_waits();
    const bool lost = kept && !response && is_loss_of_kept_connection(response.error());
    if (!lost || stopped_) {
      if (response) keep(std::move(connection), *response, large);
      co_return response;
    }
    connection.reset();
    if (turn != nullptr && turn->unwanted()) co_return nobody_waits();
    ++resent_;
  }
}

asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> Pool::open(Turn* turn) {
  Result<std::unique_ptr<UpstreamConnection>> opened =
      co_await UpstreamConnection::open(executor_, origin_, turn);
  if (opened && stopped_) co_return stopping();
  co_return opened;
}

/// The connection may carry another request, or its answer has more to come.
void Pool::keep(std::unique_ptr<UpstreamConnection> connection, UpstreamResponse& response,
                LargeAnswer large) {
  if (response.too_large && large == LargeAnswer::hand_over) {
    hand_over(std::move(connection), response);
  } else if (connection->reusable()) {
    put_back(std::move(connection));
  }
}

bool Pool::take_slot() {
  if (slots_taken_ >= origin_.settings.max_connections) return false;
  ++slots_taken_;
  return true;
}

asio::awaitable<Result<void>> Pool::wait_for_slot(Turn* turn) {
  if (waiting_.size() >= origin_.settings.max_waiting) {
    co_return Error{ErrorCode::overloaded, true, "upstream.max_waiting requests wait for a connection",
                    ErrorSource::upstream};
  }
  const SteadyTime begun_at = std::chrono::steady_clock::now();
  const auto deadline = [&] {
    return turn != nullptr ? turn->deadline() : begun_at + origin_.settings.head_timeout;
  };
  const auto is_waited_for = [turn] { return turn == nullptr || !turn->unwanted(); };
  Waiter waiter(*this, turn);
  const Turn::Watch watch(turn, [&timer = waiter.timer] { timer.cancel(); });
  make_room();
  while (!waiter.granted && !stopped_ && is_waited_for() && std::chrono::steady_clock::now() < deadline()) {
    waiter.timer.expires_at(deadline());
    co_await waiter.timer.async_wait(as_result);
  }
  if (!is_waited_for()) co_return nobody_waits();
  if (std::exchange(waiter.granted, false)) co_return Result<void>();
  co_return Error{ErrorCode::overloaded, true, "no connection became free in time", ErrorSource::upstream};
}

/// Somebody waits for a connection, or has ceased to wait for an answer. One request is broken off at a time,
/// since its slot is free in a moment.
void Pool::make_room() {
  if (std::ranges::none_of(waiting_, &Waiter::is_interactive)) return;
  if (std::ranges::any_of(busy_, &InUse::gives_way)) return;
  const auto oldest = std::ranges::find_if(busy_, &InUse::may_give_way);
  if (oldest != busy_.end()) (*oldest)->give_way();
}

void Pool::release_slot() {
  --slots_taken_;
  grant_slots();
}

void Pool::grant_slots() {
  bool granted = false;
  while (!waiting_.empty() && take_slot()) {
    granted = true;
    waiting_.front()->granted = true;
    waiting_.front()->timer.cancel();
    waiting_.pop_front();
  }
  if (granted) make_room();
}

std::unique_ptr<UpstreamConnection> Pool::take_idle() {
  while (!idle_.empty()) {
    std::unique_ptr<UpstreamConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    const bool too_old = connection->expires_at <= std::chrono::steady_clock::now();
    if (!too_old && !connection->gone()) return connection;
  }
  return nullptr;
}

void Pool::put_back(std::unique_ptr<UpstreamConnection> connection) {
  if (stopped_) return;
  const SteadyTime now = Deadline::now();
  connection->idle_since = now;
  idle_.push_back(std::move(connection));
  close_idle(now);
}

/// Gives the connection to the answer whose rest is still to come from it.
void Pool::hand_over(std::unique_ptr<UpstreamConnection> connection, UpstreamResponse& response) {
  std::erase_if(handed_over_, [](const auto& earlier) { return earlier.expired(); });
  const std::shared_ptr<UpstreamConnection> shared = std::move(connection);
  handed_over_.push_back(shared);
  response.large =
      std::make_shared<LargeContent>(std::exchange(response.body, {}), shared, std::move(response.held));
}

/// Closes what has been idle for too long or is too old, and comes back when the next one will be.
void Pool::close_idle(SteadyTime now) {
  const auto ends_at = [this](const auto& connection) {
    return std::min(connection->idle_since + origin_.settings.idle_timeout, connection->expires_at);
  };
  std::erase_if(idle_, [&](const auto& connection) { return ends_at(connection) <= now; });
  if (idle_.empty()) return idle_end_->clear();
  idle_end_->expires_at(ends_at(*std::ranges::min_element(idle_, {}, ends_at)));
}

void Pool::stop() {
  stopped_ = true;
  idle_end_.reset();
  idle_.clear();
  for (InUse* const in_use : busy_) in_use->close();
  for (const auto& lent : handed_over_) {
    if (const auto connection = lent.lock()) connection->close();
  }
  for (Waiter* const waiter : waiting_) waiter->timer.cancel();
}

}  // namespace roktcached::upstream
