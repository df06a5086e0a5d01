#pragma once

#include <algorithm>
#include <chrono>

#include "core/time.h"

namespace roktcached::fleet {

/// What all instances together may send at the most, kept by one of them for itself: a token bucket that each
/// request of its own takes from. An engine that grants as it should never empties it, since what it grants
/// comes out of a bucket that is no larger and is shared. Not thread-safe.
class WholeBucket {
 public:
  /// @param capacity  requests; a bucket that was full stays so
  void set_capacity(double capacity) {
    tokens_ = std::min(tokens_ + std::max(capacity - capacity_, 0.0), capacity);
    capacity_ = capacity;
  }

  /// What has come since the last refill has done so at `rate`, requests per second: the higher one of what
  /// was known then and is known now.
  void refill(SteadyTime now, double rate) {
    tokens_ = available(now, rate);
    refilled_at_ = std::max(refilled_at_, now);
  }

  [[nodiscard]] bool take(SteadyTime now, double rate) {
    const double tokens = available(now, rate);
    if (tokens < 1 - rounding) return false;
    // Short of full the time since the last refill is kept: it may turn out to have brought more.
    if (tokens >= capacity_) refill(now, rate);
    tokens_ -= 1;
    return true;
  }
  /// A request has gone by another way.
  void spend(SteadyTime now, double rate) {
    refill(now, rate);
    tokens_ = std::max(tokens_ - 1, 0.0);
  }
  void give_back() { tokens_ = std::min(tokens_ + 1, capacity_); }

  [[nodiscard]] double available(SteadyTime now, double rate) const {
    const double seconds = std::chrono::duration<double>(std::max(now, refilled_at_) - refilled_at_).count();
    return std::min(tokens_ + seconds * rate, capacity_);
  }
  /// @param rate  above 0
  [[nodiscard]] std::chrono::nanoseconds until_available(SteadyTime now, double rate) const {
    const double missing = 1 - available(now, rate);
    if (missing <= rounding) return std::chrono::nanoseconds::zero();
    return std::chrono::ceil<std::chrono::nanoseconds>(std::chrono::duration<double>(missing / rate));
  }

 private:
  static constexpr double rounding = 1e-6;

  double capacity_ = 0;
  double tokens_ = 0;
  SteadyTime refilled_at_;
};

}  // namespace roktcached::fleet
