#pragma once

#include "core/time.h"

namespace roktcached {

/// A clock that stands until it is moved.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return wall; }
  [[nodiscard]] SteadyTime steady_now() const override { return steady; }
  void advance(std::chrono::milliseconds by) {
    wall += by;
    steady += by;
  }

  WallTime wall = wall_time_from_unix_ms(1'700'000'000'000);
  SteadyTime steady = std::chrono::steady_clock::now();
};

}  // namespace roktcached
