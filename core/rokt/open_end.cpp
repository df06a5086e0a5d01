#include "core/rokt/open_end.h"

#include <array>
#include <cstdio>

#include "core/rokt/date_range.h"
#include "core/rokt/moving_dates.h"

namespace roktcached::rokt {

namespace {

namespace chrono = std::chrono;

/// "2026-11-29T08:15:00.000".
std::string text_of(LocalTime time) {
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::hh_mm_ss clock(time - day);
  std::array<char, sizeof "Thh:mm:ss.fff"> text{};
  std::snprintf(text.data(), text.size(), "T%02d:%02d:%02d.%03d", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return rokt::text_of(day) + text.data();
}

}  // namespace

std::optional<OpenEnd> open_end(std::string_view date_start, std::string_view date_end,
                                std::string_view time_zone, WallTime now, chrono::milliseconds step) {
  constexpr auto last_second = chrono::hours{24} - chrono::seconds{1};
  if (step <= chrono::milliseconds{0}) return std::nullopt;
  const auto start = DateParameter::parse(date_start);
  const auto end = DateParameter::parse(date_end);
  const auto zone = TimeZone::find(time_zone);
  if (!start || !end || !zone || end->bare) return std::nullopt;
  const WallTime ends_at = range_end(*end, *zone);
  const auto day = chrono::floor<chrono::days>(end->latest);
  const LocalTime rounded = day + (end->latest - day) / step * step;
  const bool whole_day = end->latest - day >= last_second;
  if (whole_day || rounded == end->latest || start->earliest > rounded || ends_at <= now - step)
    return std::nullopt;
  if (ends_at > now + step) return OpenEnd{{}, ends_at - step};
  return OpenEnd{text_of(rounded), ends_at + step};
}

}  // namespace roktcached::rokt
