#pragma once

#include <chrono>

namespace roktcached {

/// A point on the wall clock, as it is persisted: milliseconds since the Unix epoch.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A point on the steady clock: for deadlines, never persisted.
using SteadyTime = std::chrono::steady_clock::time_point;

/// The seam through which everything outside core/ reads time, so that tests never sleep.
/// Implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// `time` as a number for SQL, JSON and logs, where the type is lost.
[[nodiscard]] constexpr long long unix_ms(WallTime time) {
  return time.time_since_epoch().count();
}

[[nodiscard]] constexpr WallTime wall_time_from_unix_ms(long long value) {
  return WallTime{std::chrono::milliseconds{value}};
}

}  // namespace roktcached
