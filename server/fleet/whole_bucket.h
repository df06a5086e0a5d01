#pragma once

#include <algorithm>
#include <chrono>

#include "core/time.h"

namespace roktcached::fleet {

/// A token bucket with the most that all instances together may send. One instance keeps it for itself, and
/// takes a token for each request of its own. If the engine grants as it should, the bucket never gets empty:
/// the grants come out of a bucket that is no larger and is shared. Not thread-safe.
class WholeBucket {
 public:
  /// @param capacity  requests; a bucket that was full stays so
  void set_capacity(double capacity) {
    tokens_ = std::min(tokens_ + std::max(capacity - capacity_, 0.0), capacity);
    capacity_ = capacity;
  }

  /// Adds the tokens that have come since the last refill, at `rate`, in requests per second: use the higher
  /// one of the rate known then and the rate known now.
  void refill(SteadyTime now, double rate) {
    tokens_ = available(now, rate);
    refilled_at_ = std::max(refilled_at_, now);
  }

  [[nodiscard]] bool take(SteadyTime now, double rate) {
    const double tokens = available(now, rate);
    if (tokens < 1 - rounding) return false;
    // If the bucket is not full, the time since the last refill is kept: it may turn out to have brought
    // more.
    if (tokens >= capacity_) refill(now, rate);
    tokens_ -= 1;
    return true;
  }
  /// A request has gone without a token from here.
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
