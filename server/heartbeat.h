#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace roktcached {

/// Finds out, again and again, whether threads still move. Each is asked to run something short, and has
/// until the next look to do so. Belongs to the thread of `main`, which moves if this looks at all.
class Heartbeat {
 public:
  /// @param main     where the timer runs
  /// @param threads  the executors of the threads that are asked; they outlive this
  /// @param looked   called at each look: whether every thread has moved since the one before. Must not throw
  Heartbeat(const boost::asio::any_io_executor& main, std::vector<boost::asio::any_io_executor> threads,
            std::chrono::microseconds interval, std::function<void(bool all_move)> looked);

  /// Looks now, and then at every interval until stop().
  void start();
  void stop();
  /// One look.
  void look();

 private:
  struct Thread {
    boost::asio::any_io_executor executor;
    std::shared_ptr<std::atomic<bool>> moved;
  };
  void look_later();

  boost::asio::steady_timer timer_;
  std::vector<Thread> threads_;
  const std::chrono::microseconds interval_;
  const std::function<void(bool)> looked_;
  bool stopped_ = false;
};

}  // namespace roktcached
