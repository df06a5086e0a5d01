#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "core/rokt/moving_dates.h"

namespace roktcached::caching {

/// Remembers on which of the last 32 days something was asked for, and the time of the first request on each
/// of the latest five such days. Days and times are on one zone's clock. A plain value.
class AskHistory {
 public:
  using LocalDay = rokt::LocalDay;
  using Minutes = std::chrono::minutes;
  static constexpr std::size_t times_kept = 5;

  /// The history as numbers, for the file that keeps it over a restart.
  struct Record {
    std::int32_t first_day = 0;  ///< since 1 January 1970
    std::int32_t last_day = 0;
    std::uint32_t days = 0;                             ///< bit n: n days before the last one
    std::array<std::int16_t, times_kept> first_asks{};  ///< minutes; the latest one is first
    std::uint8_t times = 0;                             ///< how many of those there are
  };

  AskHistory() = default;
  /// @return nothing if no history has such a record
  [[nodiscard]] static std::optional<AskHistory> of(const Record& record);
  [[nodiscard]] const Record& record() const { return record_; }

  /// @param at  since midnight, as the clock shows it
  /// @return whether this is the first time on that day; false too for the day before the last one. A history
  ///         that is_ahead_of() `day` begins anew
  bool asked(LocalDay day, Minutes at);

  /// Whether it is of days that are still to come on `day`, in each zone: the clock was set back.
  [[nodiscard]] bool is_ahead_of(LocalDay day) const;

  [[nodiscard]] bool asked_on(LocalDay day) const;
  /// On how many of the `number` days that end with `day`.
  [[nodiscard]] unsigned days_asked(unsigned number, LocalDay day) const;
  [[nodiscard]] LocalDay last_day() const { return LocalDay(std::chrono::days{record_.last_day}); }

  /// Whether somebody is likely to ask on `day`. If the history covers a week: somebody asked on the same day
  /// of the week, one week or two weeks before. If it is shorter: always on Monday to Friday, since nobody
  /// looks at most dashboards on a Sunday; on a weekend only if somebody asked on a weekend before.
  [[nodiscard]] bool is_likely_on(LocalDay day) const;

  /// The earliest and the latest first request of a day, over the last five days that had one.
  [[nodiscard]] Minutes earliest() const;
  [[nodiscard]] Minutes latest() const;

 private:
  Record record_;
};

}  // namespace roktcached::caching
