#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace roktcached {

/// Interrupts the I/O of one object when it takes too long. To move the deadline is a plain store, unless it
/// comes before the time that the timer is set to, so that every operation can afford one. Belongs to the
/// object that it watches, and to one executor, on which alone it may be called.
class Deadline {
 public:
  /// @param interrupt  makes the pending operation fail, e.g. by cancelling the socket; called on `executor`
  ///                   when the deadline passes, and again and again until there is another one, or none;
  ///                   never after the destructor
  Deadline(const boost::asio::any_io_executor& executor, std::function<void()> interrupt);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// The time as of the last tick of the kernel's timer, some milliseconds ago at most. That is exact enough
  /// for deadlines, and cheap enough for every operation.
  [[nodiscard]] static std::chrono::steady_clock::time_point now();

  void expires_after(std::chrono::milliseconds timeout);
  void expires_at(std::chrono::steady_clock::time_point due);
  /// From here on nothing is interrupted until the next expires_after.
  void clear();
  /// True if the last deadline set has passed and has interrupted.
  [[nodiscard]] bool expired() const;

 private:
  struct State;
  [[nodiscard]] State& state();

  boost::asio::any_io_executor executor_;
  std::function<void()> interrupt_;
  std::shared_ptr<State> state_;  // null until there is a first deadline
};

}  // namespace roktcached
