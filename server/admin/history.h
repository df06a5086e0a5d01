#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "core/time.h"
#include "server/http/message.h"

namespace roktcached::admin {

/// The numbers of one moment. Counters count from the daemon's start.
struct HistorySample {
  WallTime at;
  std::array<std::uint64_t, http::outcome_count> requests{};  ///< answered, by outcome
  std::uint64_t upstream_requests = 0;
  std::uint64_t limited = 0;       ///< 429s of the upstream
  double requests_per_second = 0;  ///< that the upstream may be asked, all credentials together; 0: no limit
  double available = 0;            ///< requests that could go at once
  std::uint64_t queued = 0;
  std::uint64_t in_flight = 0;
  bool circuit_open = false;
  std::optional<std::chrono::milliseconds> token_life;  ///< of the token that expires first; none: no token
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t connections = 0;
  std::uint64_t restatements = 0;
};

/// The samples of the last hour, and at larger intervals those of the last day. Their number bounds the
/// memory, to some 250 KB. Belongs to one thread.
class History {
 public:
  struct Resolution {
    std::chrono::seconds every;
    std::size_t most;
  };
  static constexpr Resolution hour{std::chrono::seconds{5}, 720};
  static constexpr Resolution day{std::chrono::minutes{5}, 288};

  /// Takes a sample; call it once in each `hour.every`. If the clock was set back, samples that are in the
  /// future then are forgotten.
  /// @param now  when it was taken, by the steady clock
  void add(const HistorySample& sample, SteadyTime now);

  [[nodiscard]] const std::deque<HistorySample>& of_hour() const { return hour_; }
  [[nodiscard]] const std::deque<HistorySample>& of_day() const { return day_; }

 private:
  std::deque<HistorySample> hour_;
  std::deque<HistorySample> day_;
  std::optional<SteadyTime> next_of_day_;
};

}  // namespace roktcached::admin
