#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "server/histogram.h"
#include "server/upstream/spending.h"

namespace roktcached::upstream {

/// What attempts at the upstream are told apart by.
struct AttemptKind {
  std::string route;    ///< Route::name
  unsigned status = 0;  ///< 0: no valid answer came
  Reason reason = Reason::miss;

  auto operator<=>(const AttemptKind&) const = default;
};

/// What Attempts has counted until some moment.
struct AttemptsReading {
  std::map<AttemptKind, std::uint64_t> by_kind;
  Histogram::Reading durations;
};

/// Attempts at the upstream that have ended, whoever they were for: how, and after how long. Belongs to the
/// desk's thread.
class Attempts {
 public:
  /// @param status  0: no valid answer came
  void add(std::string_view route, unsigned status, Reason reason, std::chrono::nanoseconds took) {
    ++by_kind_[{std::string(route), status, reason}];
    durations_.observe(took);
  }
  [[nodiscard]] AttemptsReading read() const { return {by_kind_, durations_.read()}; }

 private:
  std::map<AttemptKind, std::uint64_t> by_kind_;
  Histogram durations_;
};

}  // namespace roktcached::upstream
