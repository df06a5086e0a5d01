#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <utility>

#include "core/time.h"
#include "server/upstream/limit/turn.h"

namespace roktcached::upstream {

/// Requests that wait for one thing, which comes for all of them at once. Belongs to the upstream thread, and
/// outlives whoever waits.
class WaitList {
 public:
  explicit WaitList(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  /// Ends with wake(), at `until`, or when the turn is abandoned or unattended; perhaps without a reason, so
  /// that the caller has to look.
  /// @param turn  outlives the wait
  [[nodiscard]] boost::asio::awaitable<void> wait(Turn& turn, SteadyTime until);
  /// Wakes all who wait now.
  void wake();

 private:
  boost::asio::any_io_executor executor_;
  std::set<boost::asio::steady_timer*> waiting_;
};

}  // namespace roktcached::upstream
