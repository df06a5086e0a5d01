#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "server/net/deadline.h"
#include "server/upstream/wire/upstream_connection.h"

namespace roktcached::upstream {

/// The connections to the upstream: at most upstream.max_connections at once, not counting those that stream
/// an answer to a client. Connections that may be used again stay open for upstream.idle_timeout, and none is
/// used beyond upstream.max_age. A request that finds none free waits in line, which has at most
/// upstream.max_waiting places. If it is a client's request, the oldest request under way that nobody waits
/// for any more is broken off for it. Belongs to the upstream client's thread. A connection that fails is not
/// put back.
class Pool {
 public:
  /// @param origin  outlives the pool
  Pool(boost::asio::any_io_executor executor, Origin& origin);

  /// Sends `request` on a free connection or a new one. A kept connection that was closed while it was idle
  /// is replaced. If a connection is lost just as it is used again, the request goes at once over a new one:
  /// other kept connections may be dead as well. A request that must not be sent twice, since it may have
  /// been processed (RFC 9112, section 9.3.1), goes over a new connection from the start.
  /// @param turn  outlives that; null: somebody waits for the answer to the end
  /// @return as UpstreamConnection::open and UpstreamConnection::exchange; overloaded if the line is full, or
  ///          did not move until the turn's deadline, or without a turn in upstream.head_timeout; client_gone
  ///          if the turn was abandoned, or was unattended before the request was sent
  [[nodiscard]] boost::asio::awaitable<Result<UpstreamResponse>> exchange(
      const WireRequest& request, GrowingAnswer* stream = nullptr, LargeAnswer large = LargeAnswer::refuse,
      Turn* turn = nullptr);

  [[nodiscard]] bool mostly_free() const {
    return slots_taken_ < (origin_.settings.max_connections + 1) / 2 && waiting_.empty();
  }

  /// Requests that were sent again because a kept connection was lost, so far.
  [[nodiscard]] std::uint64_t resent() const { return resent_; }

  /// Closes every connection, used or not, and fails who waits: for the end of the process.
  void stop();
  /// Gives those who wait what is free: upstream.max_connections may have been raised.
  void grant_slots();

 private:
  class Slot;  // the right to one open connection, given back when it goes out of scope
  class InUse;
  class Waiter;

  boost::asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> open(Turn* turn);
  void keep(std::unique_ptr<UpstreamConnection> connection, UpstreamResponse& response, LargeAnswer large);
  bool take_slot();
  boost::asio::awaitable<Result<void>> wait_for_slot(Turn* turn);
  void make_room();
  std::unique_ptr<UpstreamConnection> take_idle();
  void put_back(std::unique_ptr<UpstreamConnection> connection);
  void hand_over(std::unique_ptr<UpstreamConnection> connection, UpstreamResponse& response);
  void release_slot();
  void close_idle(SteadyTime now);

  boost::asio::any_io_executor executor_;
  Origin& origin_;
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;  // the last used at the end
  std::vector<InUse*> busy_;                               // the oldest first
  std::vector<std::weak_ptr<UpstreamConnection>>
      handed_over_;  // with answers that are larger than max_response
  std::deque<Waiter*> waiting_;
  std::optional<Deadline> idle_end_;  // of the first that is to be closed; none once it is stopped
  unsigned slots_taken_ = 0;
  std::uint64_t resent_ = 0;
  bool stopped_ = false;
};

}  // namespace roktcached::upstream
