#include "core/rokt/moving_dates.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace roktcached::rokt {

namespace chrono = std::chrono;

namespace {

constexpr std::array<std::string_view, 5> moving_names = {"yesterday", "last_7d", "last_30d", "month_to_date",
                                                          "last_month"};

}  // namespace

LocalDay local_day(WallTime now, const TimeZone& zone) {
  return chrono::floor<chrono::days>(zone.to_local(now));
}

chrono::minutes local_minute(WallTime now, const TimeZone& zone) {
  const LocalTime local = zone.to_local(now);
  return chrono::floor<chrono::minutes>(local - chrono::floor<chrono::days>(local));
}

std::span<const std::string_view> moving_dates_names() {
  return moving_names;
}

std::optional<MovingDates> moving_dates_of(std::string_view name) {
  const auto found = std::ranges::find(moving_names, name);
  if (found == moving_names.end()) return std::nullopt;
  return static_cast<MovingDates>(found - moving_names.begin());
}

LocalDates dates_of(MovingDates dates, WallTime now, const TimeZone& zone) {
  const LocalDay today = local_day(now, zone);
  const LocalDay yesterday = today - chrono::days{1};
  const chrono::year_month_day date(today);
  const chrono::year_month month = date.year() / date.month();
  const LocalDay first_of_month(month / 1);
  switch (dates) {
    case MovingDates::yesterday:
      return {yesterday, yesterday};
    case MovingDates::last_7d:
      return {today - chrono::days{7}, yesterday};
    case MovingDates::last_30d:
      return {today - chrono::days{30}, yesterday};
    case MovingDates::month_to_date:
      return {first_of_month, std::max(first_of_month, yesterday)};
    case MovingDates::last_month:
      return {LocalDay((month - chrono::months{1}) / 1), first_of_month - chrono::days{1}};
  }
  return {yesterday, yesterday};
}

std::string text_of(LocalDay day) {
  const chrono::year_month_day date(day);
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {text.data(), static_cast<std::size_t>(size)};
}

DateTexts texts_of(const LocalDates& dates) {
  return {text_of(dates.first) + "T00:00:00.000", text_of(dates.last) + "T23:59:59.000"};
}

}  // namespace roktcached::rokt
