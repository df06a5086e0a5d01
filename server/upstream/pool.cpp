#include "server/upstream/pool.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "server/asio.h"
#include "server/upstream/retry_policy.h"

namespace roktcached::upstream {

struct Pool::Waiter {
  explicit Waiter(const asio::any_io_executor& executor, SteadyTime due) : timer(executor, due) {}
  asio::steady_timer timer;
  bool granted = false;
};

/// Names a connection as one that is in use, for stop().
class Pool::InUse {
 public:
  InUse(Pool& pool, Connection& connection) : pool_(pool), connection_(&connection) {
    pool_.busy_.push_back(connection_);
  }
  ~InUse() { std::erase(pool_.busy_, connection_); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  Pool& pool_;
  Connection* const connection_;
};

class Pool::Slot {
 public:
  explicit Slot(Pool& pool) : pool_(pool) {}
  ~Slot() { pool_.release_slot(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  Pool& pool_;
};

Pool::Pool(asio::any_io_executor executor, Origin& origin) : executor_(std::move(executor)), origin_(origin) {
  idle_end_.emplace(executor_, [this] { close_idle(std::chrono::steady_clock::now()); });
}

asio::awaitable<Result<UpstreamResponse>> Pool::exchange(const WireRequest& request, AnswerStream* stream,
                                                         LargeAnswer large) {
  if (!take_slot()) {
    const Result<void> admitted = co_await wait_for_slot();
    if (!admitted) co_return admitted.error();
  }
  std::optional<Slot> slot(std::in_place, *this);
  // A stream goes at its client's pace, and is bounded by the clients: it keeps no other from a connection.
  const WhenBegun give_back(stream, [&slot] { slot.reset(); });
  std::unique_ptr<Connection> kept = is_repeatable(request.method()) ? take_idle() : nullptr;
  if (kept) {
    Result<UpstreamResponse> response = co_await exchange_on(std::move(kept), request, stream, large);
    const bool lost = !response && is_loss_of_kept_connection(response.error());
    if (!lost || stopped_) co_return response;
    ++resent_;
  }
  Result<std::unique_ptr<Connection>> opened = co_await open();
  if (!opened) co_return opened.error();
  Result<UpstreamResponse> response = co_await exchange_on(std::move(*opened), request, stream, large);
  co_return response;
}

asio::awaitable<Result<std::unique_ptr<Connection>>> Pool::open() {
  Result<std::unique_ptr<Connection>> opened = co_await Connection::open(executor_, origin_);
  if (opened && stopped_)
    co_return Error{ErrorCode::upstream_unreachable, ErrorSource::upstream, false, "the proxy is stopping"};
  co_return opened;
}

asio::awaitable<Result<UpstreamResponse>> Pool::exchange_on(std::unique_ptr<Connection> connection,
                                                            const WireRequest& request, AnswerStream* stream,
                                                            LargeAnswer large) {
  std::optional<InUse> in_use(std::in_place, *this, *connection);
  Result<UpstreamResponse> response = co_await connection->exchange(request, stream, large);
  in_use.reset();
  if (response && response->too_large && large == LargeAnswer::hand_over) {
    hand_over(std::move(connection), *response);
    co_return response;
  }
  if (response && connection->reusable()) put_back(std::move(connection));
  co_return response;
}

bool Pool::take_slot() {
  if (slots_taken_ >= origin_.settings.max_connections) return false;
  ++slots_taken_;
  return true;
}

asio::awaitable<Result<void>> Pool::wait_for_slot() {
  if (waiting_.size() >= origin_.settings.max_waiting) {
    co_return Error{ErrorCode::overloaded, ErrorSource::upstream, true,
                    "upstream.max_waiting requests wait for a connection"};
  }
  const auto waiter =
      std::make_shared<Waiter>(executor_, std::chrono::steady_clock::now() + origin_.settings.head_timeout);
  waiting_.push_back(waiter);
  // However the wait ends: a slot that is granted to nobody would be lost.
  auto leave = [this](Waiter* ended) {
    std::erase_if(waiting_, [ended](const auto& each) { return each.get() == ended; });
    if (ended->granted) release_slot();
  };
  const std::unique_ptr<Waiter, decltype(leave)> in_line(waiter.get(), leave);
  co_await waiter->timer.async_wait(as_result);
  if (std::exchange(waiter->granted, false)) co_return Result<void>();
  co_return Error{ErrorCode::overloaded, ErrorSource::upstream, true, "no connection became free in time"};
}

void Pool::release_slot() {
  if (waiting_.empty()) {
    --slots_taken_;
    return;
  }
  waiting_.front()->granted = true;
  waiting_.front()->timer.cancel();
  waiting_.pop_front();
}

std::unique_ptr<Connection> Pool::take_idle() {
  while (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    const bool too_old = connection->expires_at <= std::chrono::steady_clock::now();
    if (!too_old && !connection->gone()) return connection;
  }
  return nullptr;
}

void Pool::put_back(std::unique_ptr<Connection> connection) {
  if (stopped_) return;
  const SteadyTime now = std::chrono::steady_clock::now();
  connection->idle_since = now;
  idle_.push_back(std::move(connection));
  close_idle(now);
}

/// Gives the connection to the answer whose rest is still to come from it.
void Pool::hand_over(std::unique_ptr<Connection> connection, UpstreamResponse& response) {
  std::erase_if(handed_over_, [](const auto& earlier) { return earlier.expired(); });
  const std::shared_ptr<Connection> shared = std::move(connection);
  handed_over_.push_back(shared);
  response.large = share_large_content(executor_, std::exchange(response.body, {}), shared);
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
  for (Connection* connection : busy_) connection->close();
  for (const auto& lent : handed_over_) {
    if (const auto connection = lent.lock()) connection->close();
  }
  for (const auto& waiter : waiting_) waiter->timer.cancel();
}

}  // namespace roktcached::upstream
