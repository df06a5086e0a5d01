#include "core/rokt/date_range.h"

#include "core/ascii.h"

namespace roktcached::rokt {

namespace chrono = std::chrono;

namespace {

constexpr std::size_t date_size = std::string_view("YYYY-MM-DD").size();
constexpr std::size_t seconds_size = std::string_view("YYYY-MM-DDThh:mm:ss").size();
constexpr std::size_t milliseconds_size = std::string_view("YYYY-MM-DDThh:mm:ss.fff").size();

constexpr int digit(char c) {
  return is_digit(c) ? c - '0' : -1;
}

/// The number of the two digits at `at`, or less than 0 if they are none.
int two_digits(std::string_view text, std::size_t at) {
  const int tens = digit(text[at]);
  const int ones = digit(text[at + 1]);
  return (tens | ones) < 0 ? -1 : 10 * tens + ones;
}

/// The milliseconds that one to three digits are behind the point, or less than 0.
int parse_fraction(std::string_view text) {
  if (text.empty() || text.size() > 3) return -1;
  int value = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const int next = i < text.size() ? digit(text[i]) : 0;
    if (next < 0) return -1;
    value = 10 * value + next;
  }
  return value;
}

std::optional<LocalTime> parse_day(std::string_view text) {
  if (text.size() != date_size || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int century = two_digits(text, 0);
  const int year = two_digits(text, 2);
  const int month = two_digits(text, 5);
  const int day = two_digits(text, 8);
  if ((century | year | month | day) < 0 || century + year == 0) return std::nullopt;
  const chrono::year_month_day date(chrono::year{100 * century + year},
                                    chrono::month{static_cast<unsigned>(month)},
                                    chrono::day{static_cast<unsigned>(day)});
  if (!date.ok()) return std::nullopt;
  return LocalTime(chrono::local_days(date).time_since_epoch());
}

/// The time of day in "hh:mm:ss[.f[f[f]]]".
std::optional<chrono::milliseconds> parse_clock(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const int hour = two_digits(text, 0);
  const int minute = two_digits(text, 3);
  const int second = two_digits(text, 6);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
  chrono::milliseconds time = chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second};
  const std::string_view rest = text.substr(8);
  if (rest.empty()) return time;
  const int fraction = parse_fraction(rest.substr(1));
  if (rest.front() != '.' || fraction < 0) return std::nullopt;
  return time + chrono::milliseconds{fraction};
}

}  // namespace

std::optional<DateParameter> DateParameter::parse(std::string_view text) {
  const auto day = parse_day(text.substr(0, date_size));
  if (!day) return std::nullopt;
  if (text.size() == date_size) return DateParameter{*day, *day + chrono::days{1}, true};
  if (text[date_size] != 'T') return std::nullopt;
  const auto clock = parse_clock(text.substr(date_size + 1));
  if (!clock) return std::nullopt;
  return DateParameter{*day + *clock, *day + *clock, false};
}

std::string canonical_date(std::string_view text) {
  std::string date(text);
  const auto parsed = DateParameter::parse(text);
  if (!parsed || parsed->bare) return date;
  if (date.size() == seconds_size) date += '.';
  date.resize(milliseconds_size, '0');
  return date;
}

std::optional<std::string> nearest_date(std::string_view text) {
  constexpr std::size_t minutes_size = std::string_view("YYYY-MM-DDThh:mm").size();
  std::string date(text.substr(0, date_size));
  std::string_view clock = text.substr(date.size());
  if (clock.find_first_of("Tt +") == 0) clock.remove_prefix(1);
  // An offset, or the letter that stands for UTC. A form writes a space as '+', and reads a '+' as a space.
  clock = clock.substr(0, clock.find_first_of("Zz+- "));
  if (!clock.empty()) {
    date.append("T").append(clock);
    if (date.size() == minutes_size) date += ":00";
    date = date.substr(0, milliseconds_size);
  }
  if (!DateParameter::parse(date)) return std::nullopt;
  return date;
}

WallTime range_end(const DateParameter& date_end, const TimeZone& zone) {
  return zone.to_wall_latest(date_end.latest);
}

}  // namespace roktcached::rokt
