#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "config/settings.h"
#include "core/time.h"

namespace roktcached::access {

/// Holds each client to its requests a second, over all threads together: the generic cell rate algorithm,
/// whose whole state is one number, the time at which the client's burst will be whole again. Safe from any
/// thread, without a lock.
class ClientRate {
 public:
  explicit ClientRate(const std::vector<config::Client>& clients);

  /// Takes one request of the client's, unless it has none left.
  /// @return nothing if the request may go, else how long it is until one may; it costs the client nothing
  [[nodiscard]] std::optional<std::chrono::milliseconds> take(std::size_t client, SteadyTime now);

  /// Begins with the requests that `its_place` has used up in `before`, as used up by `client`, but no more
  /// than its burst: the limits may be others. Call it before the first take().
  void go_on_from(std::size_t client, const ClientRate& before, std::size_t its_place, SteadyTime now);

 private:
  /// In nanoseconds; on a cache line of its own, since every thread writes it.
  struct alignas(64) Line {
    std::int64_t interval = 0;                  ///< between two requests at the steady rate; 0: no limit
    std::int64_t tolerance = 0;                 ///< how far ahead of the steady rate a burst may be
    std::atomic<std::int64_t> next{INT64_MIN};  ///< when the next one would come at the steady rate
  };
  std::unique_ptr<Line[]> lines_;
  std::size_t size_;
};

}  // namespace roktcached::access
