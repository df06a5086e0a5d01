#include "core/http/date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "core/ascii.h"
#include "core/http/field_names.h"

namespace roktcached::http {

namespace chrono = std::chrono;

namespace {

constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> whole_days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                        "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Takes a date apart from the left; after the first mismatch nothing matches any more. Names and zone have
/// no case.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Reader& literal(std::string_view expected) {
    ok_ = ok_ && begins_with(expected);
    if (ok_) rest_.remove_prefix(expected.size());
    return *this;
  }
  /// @return the index of the name that comes next
  unsigned one_of(std::span<const std::string_view> names) {
    const auto found = std::ranges::find_if(names, [&](auto name) { return begins_with(name); });
    if (found == names.end()) ok_ = false;
    if (ok_) rest_.remove_prefix(found->size());
    return ok_ ? static_cast<unsigned>(found - names.begin()) : 0;
  }
  /// Exactly `digits` digits; the first of two may be a space where `padded`.
  int number(std::size_t digits, bool padded = false) {
    int value = 0;
    for (std::size_t i = 0; i < digits && ok_; ++i) {
      const char c = i < rest_.size() ? rest_[i] : '\0';
      const bool blank = padded && i == 0 && c == ' ';
      ok_ = blank || is_digit(c);
      value = value * 10 + (blank ? 0 : c - '0');
    }
    if (ok_) rest_.remove_prefix(digits);
    return value;
  }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  [[nodiscard]] bool begins_with(std::string_view expected) const {
    return equal_ignoring_case(rest_.substr(0, expected.size()), expected);
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;  // from 0
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_clock(Reader& reader, Parts& parts) {
  parts.hour = reader.number(2);
  parts.minute = reader.literal(":").number(2);
  parts.second = reader.literal(":").number(2);
}

bool read_imf_fixdate(std::string_view text, Parts& parts) {
  Reader reader(text);
  reader.one_of(days);
  parts.day = reader.literal(", ").number(2);
  parts.month = reader.literal(" ").one_of(months);
  parts.year = reader.literal(" ").number(4);
  reader.literal(" ");
  read_clock(reader, parts);
  return reader.literal(" GMT").done();
}

bool read_rfc850_date(std::string_view text, WallTime now, Parts& parts) {
  Reader reader(text);
  reader.one_of(whole_days);
  parts.day = reader.literal(", ").number(2);
  parts.month = reader.literal("-").one_of(months);
  const int year_of_century = reader.literal("-").number(2);
  reader.literal(" ");
  read_clock(reader, parts);
  const int this_year = static_cast<int>(chrono::year_month_day(chrono::floor<chrono::days>(now)).year());
  parts.year = this_year - this_year % 100 + year_of_century;
  if (parts.year > this_year + 50) parts.year -= 100;
  return reader.literal(" GMT").done();
}

bool read_asctime_date(std::string_view text, Parts& parts) {
  Reader reader(text);
  reader.one_of(days);
  parts.month = reader.literal(" ").one_of(months);
  parts.day = reader.literal(" ").number(2, true);
  reader.literal(" ");
  read_clock(reader, parts);
  parts.year = reader.literal(" ").number(4);
  return reader.done();
}

void put_number(FixedDate& text, std::size_t at, unsigned number) {
  text[at] = static_cast<char>('0' + number / 10);
  text[at + 1] = static_cast<char>('0' + number % 10);
}

/// All but the year.
FixedDate write(chrono::sys_days day, const chrono::year_month_day& date, WallTime time) {
  static constexpr std::string_view form = "Www, DD Mmm YYYY hh:mm:ss GMT";
  FixedDate text;
  std::ranges::copy(form, text.begin());
  const chrono::hh_mm_ss clock(chrono::floor<chrono::seconds>(time - day));
  std::ranges::copy(days[chrono::weekday(day).c_encoding()], text.begin());
  put_number(text, 5, static_cast<unsigned>(date.day()));
  std::ranges::copy(months[static_cast<unsigned>(date.month()) - 1], text.begin() + 8);
  put_number(text, 17, static_cast<unsigned>(clock.hours().count()));
  put_number(text, 20, static_cast<unsigned>(clock.minutes().count()));
  put_number(text, 23, static_cast<unsigned>(clock.seconds().count()));
  return text;
}

}  // namespace

std::optional<WallTime> parse_date(std::string_view text, WallTime now) {
  Parts parts;
  if (!read_imf_fixdate(text, parts) && !read_rfc850_date(text, now, parts) &&
      !read_asctime_date(text, parts))
    return std::nullopt;
  const chrono::year_month_day date(chrono::year(parts.year), chrono::month(parts.month + 1),
                                    chrono::day(static_cast<unsigned>(parts.day)));
  // 60 is a leap second (RFC 9110, section 5.6.7).
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  return WallTime(chrono::sys_days(date) + chrono::hours(parts.hour) + chrono::minutes(parts.minute) +
                  chrono::seconds(parts.second));
}

namespace {

std::optional<FixedDate> written_date(WallTime time) {
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) return std::nullopt;
  FixedDate text = write(day, date, time);
  put_number(text, 12, static_cast<unsigned>(year / 100));
  put_number(text, 14, static_cast<unsigned>(year % 100));
  return text;
}

}  // namespace

/// Most dates of a busy second are the same: a thread keeps the last.
std::optional<FixedDate> fixed_date(WallTime time) {
  static thread_local chrono::sys_seconds kept_second = chrono::sys_seconds::min();
  static thread_local std::optional<FixedDate> kept;
  const auto second = chrono::floor<chrono::seconds>(time);
  if (second != kept_second) {
    kept = written_date(time);
    kept_second = second;
  }
  return kept;
}

std::string format_date(WallTime time) {
  if (const auto text = fixed_date(time)) return {text->begin(), text->end()};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const FixedDate text = write(day, date, time);
  return std::string(text.begin(), text.end()).replace(12, 4, std::to_string(static_cast<int>(date.year())));
}

std::optional<std::chrono::milliseconds> retry_after_of(const Fields& response, WallTime now) {
  constexpr std::chrono::seconds longest{std::int64_t{1} << 31};
  if (response.count("Retry-After") != 1) return std::nullopt;
  const std::string_view value = trimmed(*response.find("Retry-After"));
  if (are_digits(value)) {
    std::int64_t delay = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), delay);
    return error == std::errc() ? std::min(std::chrono::seconds{delay}, longest) : longest;
  }
  const auto date = parse_date(value, now);
  if (!date) return std::nullopt;
  return std::max(*date - now, std::chrono::milliseconds{0});
}

}  // namespace roktcached::http
