#include "core/caching/warm_schedule.h"

#include <xxhash.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/rokt/date_range.h"

namespace roktcached::caching {

namespace chrono = std::chrono;

namespace {

/// Asked for on so many of so many days, a question is a template.
constexpr unsigned enough_days = 3;
constexpr unsigned days_looked_at = 5;
/// Octets of its key: of a query with a very long content nothing is kept.
constexpr std::size_t longest_key = 4096;

using TemplatePlace = std::pair<std::uint64_t, std::uint64_t>;

TemplatePlace template_place(const KeyHash& id) {
  return {id.high, id.low};
}

KeyHash hash_of(const void* data, std::size_t size, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);
  return {hash.high64, hash.low64};
}

/// Stands for all that the questions of each day have in common, and for how their dates move.
KeyHash id_of(const KeyHash& without_days, const rokt::RelativeRange& range) {
  const std::array<std::int64_t, 6> parts = {
      static_cast<std::int64_t>(without_days.high), static_cast<std::int64_t>(without_days.low),
      static_cast<std::int64_t>(range.start.from),  range.start.offset,
      static_cast<std::int64_t>(range.end.from),    range.end.offset};
  return hash_of(parts.data(), sizeof(parts), 0);
}

KeyHash id_of(const NamedWarming& named) {
  constexpr std::uint64_t seed_of_named = 1;
  const std::string text = named.question.target + '\n' + named.question.rokt_version + '\n' +
                           named.question.time_zone + '\n' + std::to_string(named.at.count());
  return hash_of(text.data(), text.size(), seed_of_named);
}

/// Whatever its time of day.
std::optional<rokt::LocalDay> day_of(std::string_view date) {
  constexpr std::string_view bare = "YYYY-MM-DD";
  const auto parsed = rokt::DateParameter::parse(date.substr(0, bare.size()));
  if (!parsed) return std::nullopt;
  return chrono::floor<chrono::days>(parsed->earliest);
}

void add(WarmTemplate::Counts& sum, const WarmTemplate::Counts& counts) {
  sum.warmed += counts.warmed;
  sum.used += counts.used;
  sum.unused += counts.unused;
  sum.failed += counts.failed;
}

}  // namespace

void WarmSchedule::change(const WarmingRules& rules, const std::vector<NamedWarming>& named) {
  rules_ = rules;
  for (auto place = templates_.begin(); place != templates_.end();) {
    const auto next = std::next(place);
    const bool is_named = std::ranges::any_of(
        named, [&](const NamedWarming& one) { return template_place(id_of(one)) == place->first; });
    if (place->second.is_learned() ? !rules.learn : !is_named) {
      add(gone_.counts, place->second.counts());
      templates_.erase(place);
    }
    place = next;
  }
  if (!rules.learn) histories_.clear();
  for (const NamedWarming& one : named)
    templates_.try_emplace(template_place(id_of(one)), WarmTemplate::named(one));
  ++version_;
}

void WarmSchedule::asked(const Key& key, const Ask& ask, WallTime now) {
  if (!rules_.learn || key.text().size() > longest_key) return;
  Seen& seen = (*seen_)[key.hash().low % seen_slots];
  if (seen.hash == key.hash() && now >= seen.from && now < seen.until) return;
  const auto question = DatedQuestion::of(key);
  if (!question) return;
  const ZoneDay* const today = today_of(*question, now);
  if (today == nullptr) return;
  seen = {key.hash(), today->from, today->until};
  const auto end = day_of(question->date_end());
  if (!end || !rokt::may_move(*end, today->day)) return;
  const auto start = day_of(question->date_start());
  if (!start) return;
  const rokt::RelativeRanges ranges = rokt::relative_ranges(*start, *end, today->day);
  if (ranges.empty()) return;
  const KeyHash without_days = question->hash_without_days();
  const Moment moment{now, today->day, today->minute_of(now)};
  for (const rokt::RelativeRange& range : ranges)
    learn(*question, range, id_of(without_days, range), ask, moment);
}

chrono::minutes WarmSchedule::ZoneDay::minute_of(WallTime now) const {
  return begin ? chrono::floor<chrono::minutes>(now - *begin) : rokt::local_minute(now, zone);
}

/// The day on the clock of its zone; null if there is no such zone.
const WarmSchedule::ZoneDay* WarmSchedule::today_of(const DatedQuestion& question, WallTime now) {
  const auto known = days_.find(question.spelled_zone());
  if (known != days_.end() && now >= known->second.from && now < known->second.until) return &known->second;
  const auto zone = rokt::TimeZone::find(question.time_zone());
  if (!zone) return nullptr;
  ZoneDay day{*zone, rokt::local_day(now, *zone), now, zone->next_day(now), std::nullopt};
  const auto offset_at = [&zone](WallTime time) {
    return zone->to_local(time).time_since_epoch() - time.time_since_epoch();
  };
  const auto offset = offset_at(now);
  if (offset == offset_at(day.until - chrono::milliseconds{1}))
    day.begin = WallTime(day.day.time_since_epoch() - offset);
  return &days_.insert_or_assign(std::string(question.spelled_zone()), day).first->second;
}

void WarmSchedule::learn(const DatedQuestion& question, const rokt::RelativeRange& range, const KeyHash& id,
                         const Ask& ask, const Moment& moment) {
  ++version_;
  if (WarmTemplate* const known = find(id)) return known->asked(ask, moment.now);
  const auto found = histories_.find(id);
  if (found == histories_.end() && !make_room(moment.day)) return;
  AskHistory& history = found == histories_.end() ? histories_[id] : found->second;
  history.asked(moment.day, moment.minute);
  if (history.days_asked(days_looked_at, moment.day) >= enough_days)
    promote(id, question, range, history, ask);
}

/// Makes a history a template, if there is room for one more.
void WarmSchedule::promote(const KeyHash& id, const DatedQuestion& question, const rokt::RelativeRange& range,
                           const AskHistory& history, const Ask& ask) {
  if (totals().learned >= most_templates) return;
  templates_.try_emplace(template_place(id),
                         WarmTemplate::learned(question.with(range), history, ask.lifetime));
  histories_.erase(id);
}

/// Makes room for one more history, by dropping those that can no longer have three days out of five on their
/// own, and those of days that a wrong clock showed. The histories are looked through once a day at most: on
/// the same day, which is the day before in some zones, no more of them become like that.
/// @return whether there is room
bool WarmSchedule::make_room(rokt::LocalDay today) {
  if (histories_.size() < most_histories) return true;
  if (looked_through_on_ == today || looked_through_on_ == today + chrono::days{1}) return false;
  looked_through_on_ = today;
  std::erase_if(histories_, [today](const auto& entry) {
    const AskHistory& history = entry.second;
    return today - history.last_day() >= chrono::days{days_looked_at} || history.is_ahead_of(today);
  });
  return histories_.size() < most_histories;
}

WarmTemplate* WarmSchedule::find(const KeyHash& id) {
  const auto found = templates_.find(template_place(id));
  return found == templates_.end() ? nullptr : &found->second;
}

/// Its history stays: it shows on which days of the week it was asked for.
void WarmSchedule::forget(std::map<TemplatePlace, WarmTemplate>::iterator place) {
  const KeyHash id{place->first.first, place->first.second};
  add(gone_.counts, place->second.counts());
  ++gone_.forgotten;
  if (histories_.size() < most_histories) histories_.insert_or_assign(id, place->second.history());
  templates_.erase(place);
  ++version_;
}

std::optional<WarmSchedule::Due> WarmSchedule::take_due(WallTime now) {
  for (auto place = templates_.begin(); place != templates_.end();) {
    const auto here = place++;
    WarmTemplate& one = here->second;
    one.look_at_clock(now, rules_.settling_time);
    if (one.is_to_be_forgotten()) {
      forget(here);
    } else if (one.is_due(now)) {
      one.begin();
      return Due{{here->first.first, here->first.second}, one.question(), one.day()};
    }
  }
  return std::nullopt;
}

void WarmSchedule::has_warmed(const KeyHash& id, const WarmedEntry& entry, bool fetched) {
  if (WarmTemplate* const one = find(id)) one->has_warmed(entry, fetched);
  ++version_;
}

void WarmSchedule::has_failed(const KeyHash& id, WarmingFailure failure) {
  if (WarmTemplate* const one = find(id)) one->has_failed(std::move(failure));
}

void WarmSchedule::look_for_uses(const EntryOf& entry_of, WallTime now) {
  for (auto& [place, one] : templates_) {
    const WarmedEntry* const warmed = one.unused_entry();
    if (warmed == nullptr) continue;
    const auto entry = entry_of(warmed->hash);
    // Another one in its place has been found as often as it says since it is there.
    const bool same = entry && entry->fetched_at == warmed->fetched_at;
    if (!entry || entry->finds <= (same ? warmed->finds : 0)) continue;
    one.was_used(now);
    ++version_;
  }
}

WarmSchedule::Totals WarmSchedule::totals() const {
  Totals totals = gone_;
  for (const auto& [place, one] : templates_) {
    add(totals.counts, one.counts());
    ++(one.is_learned() ? totals.learned : totals.named);
  }
  return totals;
}

std::vector<const WarmTemplate*> WarmSchedule::templates() const {
  std::vector<const WarmTemplate*> sorted;
  for (const auto& [place, one] : templates_) sorted.push_back(&one);
  std::ranges::sort(sorted, [](const WarmTemplate* left, const WarmTemplate* right) {
    const auto order = [](const WarmTemplate& one) {
      return std::tuple(one.is_learned(), one.next_try().value_or(WallTime::max()), one.question().target);
    };
    return order(*left) < order(*right);
  });
  return sorted;
}

std::vector<WarmSchedule::Learned> WarmSchedule::learned() const {
  std::vector<Learned> all;
  for (const auto& [place, one] : templates_) {
    if (one.is_learned())
      all.push_back({{place.first, place.second},
                     one.history(),
                     one.question(),
                     one.lifetime(),
                     one.unused_in_a_row()});
  }
  for (const auto& [id, history] : histories_) all.push_back({.id = id, .history = history, .question = {}});
  return all;
}

void WarmSchedule::restore(const std::vector<Learned>& learned) {
  if (!rules_.learn) return;
  for (const Learned& one : learned) {
    const bool known = find(one.id) != nullptr || histories_.contains(one.id);
    if (known || histories_.size() >= most_histories) continue;
    const bool is_template = rokt::TimeZone::find(one.question.time_zone).has_value();
    if (!is_template || totals().learned >= most_templates) {
      histories_.emplace(one.id, one.history);
      continue;
    }
    auto made = WarmTemplate::learned(one.question, one.history, one.lifetime);
    made.restore(one.unused_in_a_row);
    templates_.try_emplace(template_place(one.id), std::move(made));
  }
}

}  // namespace roktcached::caching
