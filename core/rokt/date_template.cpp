#include "core/rokt/date_template.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "core/number.h"
#include "core/rokt/sent_text.h"

namespace roktcached::rokt {

namespace chrono = std::chrono;

namespace {

using From = RelativeDay::From;

/// Further back, or ahead, nothing is taken to move with the day.
constexpr std::int32_t most_days = 400;
constexpr std::int32_t most_months = 12;

constexpr std::array<std::pair<std::string_view, From>, 3> anchors = {
    {{"today", From::today},
     {"first_of_month", From::first_of_month},
     {"last_of_month", From::last_of_month}}};

chrono::year_month month_of(LocalDay day) {
  const chrono::year_month_day date(day);
  return date.year() / date.month();
}

std::int32_t months_between(LocalDay from, LocalDay to) {
  return static_cast<std::int32_t>((month_of(to) - month_of(from)).count());
}

bool is_first_of_month(LocalDay day) {
  return chrono::year_month_day(day).day() == chrono::day{1};
}

/// The readings of a day as the first or the last of a month.
std::optional<RelativeDay> first_of_month(LocalDay day, LocalDay today) {
  const std::int32_t months = months_between(today, day);
  if (!is_first_of_month(day) || months < -most_months || months > 1) return std::nullopt;
  return RelativeDay{From::first_of_month, months};
}

std::optional<RelativeDay> last_of_month(LocalDay day, LocalDay today) {
  const std::int32_t months = months_between(today, day);
  if (!is_first_of_month(day + chrono::days{1}) || months < -most_months || months > 0) return std::nullopt;
  return RelativeDay{From::last_of_month, months};
}

/// The end of a range of whole months: the last day of last month, or of this one.
std::optional<RelativeDay> end_of_month(LocalDay end, LocalDay today) {
  if (const auto last = last_of_month(end, today); last && last->offset >= -1) return last;
  if (const auto next = first_of_month(end, today); next && next->offset >= 0) return next;
  return std::nullopt;
}

bool begins_placeholder(std::string_view text, std::size_t brace) {
  return brace + 1 < text.size() && is_lower(text[brace + 1]);
}

/// The place of the next placeholder's brace, or npos.
std::size_t next_placeholder(std::string_view text, std::size_t from) {
  std::size_t brace = text.find('{', from);
  while (brace != std::string_view::npos && !begins_placeholder(text, brace))
    brace = text.find('{', brace + 1);
  return brace;
}

/// @param name  between the braces
std::optional<RelativeDay> read_placeholder(std::string_view name) {
  if (name == "yesterday") return RelativeDay{From::today, -1};
  const auto anchor = std::ranges::find_if(
      anchors, [name](const auto& one) { return name.substr(0, name.find_first_of("+-")) == one.first; });
  if (anchor == anchors.end()) return std::nullopt;
  name.remove_prefix(anchor->first.size());
  if (name.empty()) return RelativeDay{anchor->second, 0};
  const std::int32_t most = anchor->second == From::today ? most_days : most_months;
  const auto number = parse_number<std::int32_t>(name.substr(1));
  if (!number || *number < 0 || *number > most) return std::nullopt;
  return RelativeDay{anchor->second, name.front() == '-' ? -*number : *number};
}

Error unknown_placeholder(std::string_view placeholder) {
  return {
      .code = ErrorCode::invalid_request,
      .context = shown(placeholder) +
                 ": accepted: {today}, {yesterday}, {first_of_month}, {last_of_month}; with a number of "
                 "days or months behind it, as in {today-7} (at most 400) and {first_of_month-1} (at most "
                 "12)"};
}

}  // namespace

LocalDay RelativeDay::on(LocalDay today) const {
  switch (from) {
    case From::today:
      return today + chrono::days{offset};
    case From::first_of_month:
      return LocalDay((month_of(today) + chrono::months{offset}) / 1);
    case From::last_of_month:
      return LocalDay((month_of(today) + chrono::months{offset}) / chrono::last);
    case From::fixed:
      break;
  }
  return LocalDay(chrono::days{offset});
}

std::string RelativeDay::text() const {
  if (from == From::fixed) return text_of(on(LocalDay()));
  if (from == From::today && offset == -1) return "{yesterday}";
  const auto* const anchor = std::ranges::find(anchors, from, &std::pair<std::string_view, From>::second);
  std::string text = "{";
  text += anchor->first;
  if (offset > 0) text += '+';
  if (offset != 0) text += std::to_string(offset);
  return text + "}";
}

bool may_move(LocalDay end, LocalDay today) {
  return (end - today).count() >= -most_days;
}

RelativeRanges relative_ranges(LocalDay start, LocalDay end, LocalDay today) {
  RelativeRanges ranges;
  if (!may_move(end, today)) return ranges;
  const auto end_days = static_cast<std::int32_t>((end - today).count());
  const auto start_days = static_cast<std::int32_t>((start - today).count());
  const auto month_start = first_of_month(start, today);
  if (end_days <= 1) {
    const RelativeDay by_days{From::today, end_days};
    if (start_days >= -most_days) ranges.push_back({{From::today, start_days}, by_days});
    if (month_start) ranges.push_back({*month_start, by_days});
    // A range that ended longer ago hardly goes on growing from a fixed day.
    constexpr std::int32_t lately = -2;
    if (end_days >= lately)
      ranges.push_back({{From::fixed, static_cast<std::int32_t>(start.time_since_epoch().count())}, by_days});
  }
  if (const auto month_end = end_of_month(end, today); month_start && month_end)
    ranges.push_back({*month_start, *month_end});
  return ranges;
}

bool has_placeholder(std::string_view text) {
  return next_placeholder(text, 0) != std::string_view::npos;
}

Result<std::string> fill_dates(std::string_view text, LocalDay today) {
  std::string filled;
  std::size_t done = 0;
  for (std::size_t brace = next_placeholder(text, 0); brace != std::string_view::npos;
       brace = next_placeholder(text, done)) {
    const std::size_t end = std::min(text.find('}', brace), text.size() - 1);
    const std::string_view placeholder = text.substr(brace, end - brace + 1);
    const auto day = placeholder.ends_with('}')
                         ? read_placeholder(placeholder.substr(1, placeholder.size() - 2))
                         : std::nullopt;
    if (!day) return unknown_placeholder(placeholder);
    filled.append(text.substr(done, brace - done)).append(text_of(day->on(today)));
    done = end + 1;
  }
  return filled.append(text.substr(done));
}

}  // namespace roktcached::rokt
