#pragma once

#include <chrono>
#include <cstdint>

#include "core/time.h"

namespace roktcached::net {

/// Decides whether a client takes its answers fast enough for the connection to go on waiting for it.
///
/// There are two rules. Only the time in which the connection waits for its client counts.
/// - A client that takes nothing for the timeout has stalled.
/// - A client that takes less than the least rate, on average over the timeout, is too slow. Without this
///   rule, one byte now and then would hold a connection, and the memory of its answer, for ever.
///
/// The waiting code looks from time to time, since the kernel does not tell each time that it has sent a
/// little of what it holds. Pure: time and bytes in, a verdict out.
class WritePace {
 public:
  struct Terms {
    std::chrono::milliseconds timeout{0};
    std::uint64_t min_rate = 0;  ///< bytes a second; 0: any
  };
  enum class Verdict { fast_enough, stalled, too_slow };

  /// Starts to wait, or goes on waiting after a pause().
  void wait(SteadyTime now, const Terms& terms);
  /// Stops waiting for the client, for now: the time that follows is not the client's fault.
  void pause(SteadyTime now) { paused_at_ = now; }

  /// @param taken  bytes that the client has taken; only differences between two calls count
  [[nodiscard]] Verdict judge(SteadyTime now, std::int64_t taken);
  /// When the client was last seen to have taken something, or began to be waited for.
  [[nodiscard]] SteadyTime progressed_at() const { return progressed_at_; }
  /// When to judge() next.
  [[nodiscard]] SteadyTime next_look() const { return next_look_; }

 private:
  void look_again_after(SteadyTime now);

  Terms terms_;
  bool begun_ = false;
  bool looked_ = false;
  SteadyTime paused_at_;
  SteadyTime progressed_at_;
  std::int64_t taken_ = 0;  // the most that was seen
  SteadyTime next_look_;
  SteadyTime window_begun_at_;
  std::int64_t taken_before_window_ = 0;
};

}  // namespace roktcached::net
