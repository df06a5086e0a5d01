#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/rokt/moving_dates.h"

namespace roktcached::rokt {

/// A day, relative to the day of asking.
struct RelativeDay {
  enum class From : std::uint8_t {
    today,           ///< `offset` days after it
    first_of_month,  ///< the first day of the month that comes `offset` months after this one
    last_of_month,   ///< the last day of that month
    fixed,           ///< always the same day: `offset` days after 1 January 1970
  };
  From from = From::today;
  std::int32_t offset = 0;

  [[nodiscard]] LocalDay on(LocalDay today) const;
  /// As fill_dates reads it: "{today-7}", "{first_of_month}". A fixed day is a date.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const RelativeDay&, const RelativeDay&) = default;
};

/// A range that moves with the day: on each day another one.
struct RelativeRange {
  RelativeDay start;
  RelativeDay end;
  friend bool operator==(const RelativeRange&, const RelativeRange&) = default;
};
using RelativeRanges = boost::container::small_vector<RelativeRange, 4>;

/// The ways in which a range may be meant to move, if it is asked for on the day `today`. One day cannot tell
/// the last 28 days from a month to date, so only a way that holds on several days is the one that is meant.
/// None for a range that ended too long ago to move: over 400 days ago, or before last month.
[[nodiscard]] RelativeRanges relative_ranges(LocalDay start, LocalDay end, LocalDay today);

/// Whether a range that ends on `end` may move: a quick test that most old ranges fail.
[[nodiscard]] bool may_move(LocalDay end, LocalDay today);

/// Fills in the days that a text has in braces, each as YYYY-MM-DD:
///
///     {today}  {yesterday}  {today-7}  {today+1}
///     {first_of_month}  {last_of_month}  {first_of_month-1}   of this month, and of the last
///
/// A brace that no small letter follows stands for itself, as in JSON.
/// @return invalid_request, naming the placeholder and what is accepted
[[nodiscard]] Result<std::string> fill_dates(std::string_view text, LocalDay today);

/// Whether fill_dates would take any part of the text for a placeholder.
[[nodiscard]] bool has_placeholder(std::string_view text);

}  // namespace roktcached::rokt
