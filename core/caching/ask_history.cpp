#include "core/caching/ask_history.h"

#include <algorithm>
#include <bit>
#include <span>

namespace roktcached::caching {

namespace chrono = std::chrono;

namespace {

constexpr int days_kept = 32;
constexpr std::int16_t minutes_of_day = 24 * 60;

std::int32_t number_of(rokt::LocalDay day) {
  return static_cast<std::int32_t>(day.time_since_epoch().count());
}

bool is_weekend(rokt::LocalDay day) {
  const chrono::weekday weekday(day);
  return weekday == chrono::Saturday || weekday == chrono::Sunday;
}

std::span<const std::int16_t> times_of(const AskHistory::Record& record) {
  return std::span(record.first_asks).first(record.times);
}

}  // namespace

std::optional<AskHistory> AskHistory::of(const Record& record) {
  const auto in_day = [](std::int16_t time) { return time >= 0 && time < minutes_of_day; };
  const bool like_one = record.first_day <= record.last_day && (record.days & 1U) != 0 && record.times > 0 &&
                        record.times <= times_kept && std::ranges::all_of(times_of(record), in_day);
  if (!like_one) return std::nullopt;
  AskHistory history;
  history.record_ = record;
  return history;
}

bool AskHistory::asked(LocalDay day, Minutes at) {
  const std::int32_t today = number_of(day);
  if (is_ahead_of(day)) record_ = {};
  if (record_.days == 0) {
    record_.first_day = record_.last_day = today;
  } else if (today <= record_.last_day) {
    return false;
  }
  const std::int32_t since = today - record_.last_day;
  record_.days = since < days_kept ? record_.days << since : 0;
  record_.days |= 1U;
  record_.last_day = today;
  std::ranges::rotate(record_.first_asks, record_.first_asks.end() - 1);
  record_.first_asks.front() = static_cast<std::int16_t>(at.count());
  record_.times = static_cast<std::uint8_t>(std::min<std::size_t>(record_.times + 1U, times_kept));
  return true;
}

bool AskHistory::is_ahead_of(LocalDay day) const {
  return record_.days != 0 && record_.last_day - number_of(day) > 1;
}

bool AskHistory::asked_on(LocalDay day) const {
  const std::int32_t before = record_.last_day - number_of(day);
  return before >= 0 && before < days_kept && ((record_.days >> before) & 1U) != 0;
}

unsigned AskHistory::days_asked(unsigned number, LocalDay day) const {
  unsigned asked = 0;
  for (unsigned i = 0; i < number; ++i) asked += asked_on(day - chrono::days{i}) ? 1U : 0U;
  return asked;
}

bool AskHistory::is_likely_on(LocalDay day) const {
  constexpr int week = 7;
  if (number_of(day) - record_.first_day >= week)
    return asked_on(day - chrono::days{week}) || asked_on(day - chrono::days{2 * week});
  if (!is_weekend(day)) return true;
  for (int before = 1; before < week; ++before) {
    const LocalDay earlier = day - chrono::days{before};
    if (is_weekend(earlier) && asked_on(earlier)) return true;
  }
  return false;
}

AskHistory::Minutes AskHistory::earliest() const {
  const auto times = times_of(record_);
  return Minutes{times.empty() ? 0 : std::ranges::min(times)};
}

AskHistory::Minutes AskHistory::latest() const {
  const auto times = times_of(record_);
  return Minutes{times.empty() ? 0 : std::ranges::max(times)};
}

}  // namespace roktcached::caching
