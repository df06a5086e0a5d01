#pragma once

#include <algorithm>
#include <chrono>

namespace roktcached::simulator {

/// A leaky bucket: every request pours one unit in, and `rate` units a second leak out. A request that would
/// make it overflow is refused. Not thread-safe.
class LeakyBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// @param rate  units per second; 0: nothing is ever refused
  LeakyBucket(double rate, double capacity) : rate_(rate), capacity_(std::max(capacity, 1.0)) {}

  [[nodiscard]] bool pour(Time now) {
    if (rate_ <= 0) return true;
    const std::chrono::duration<double> passed = now - last_;
    level_ = std::max(0.0, level_ - passed.count() * rate_);
    last_ = now;
    if (level_ + 1 > capacity_) return false;
    level_ += 1;
    return true;
  }
  void empty() { level_ = 0; }

 private:
  const double rate_;
  const double capacity_;
  double level_ = 0;
  Time last_{};
};

}  // namespace roktcached::simulator
