#include "core/caching/warm_template.h"

#include <algorithm>
#include <utility>

namespace roktcached::caching {

namespace chrono = std::chrono;
using chrono::milliseconds;
using chrono::minutes;

namespace {

/// An answer is fetched so long before it is usually asked for, at the most: an upstream that is busy then
/// has time to become idle.
constexpr milliseconds longest_lead = minutes{30};
/// So long after the latest first ask of the last days nobody is expected any more.
constexpr milliseconds patience = chrono::hours{1};
/// How often one instance may be fetched.
constexpr unsigned most_fetches = 3;
constexpr unsigned most_unused = 2;
constexpr chrono::days forgotten_after{14};

}  // namespace

WarmTemplate WarmTemplate::learned(QuestionTemplate question, const AskHistory& history,
                                   milliseconds lifetime) {
  const rokt::TimeZone zone = *rokt::TimeZone::find(question.time_zone);
  WarmTemplate made(std::move(question), zone);
  made.history_ = history;
  made.lifetime_ = lifetime;
  return made;
}

WarmTemplate WarmTemplate::named(const NamedWarming& warming) {
  WarmTemplate made(warming.question, *rokt::TimeZone::find(warming.question.time_zone));
  made.named_at_ = warming.at;
  return made;
}

std::optional<WallTime> WarmTemplate::next_try() const {
  const bool looks = state_ == State::waiting || state_ == State::warmed;
  return looks && next_try_ <= wanted_until_ ? std::optional(next_try_) : std::nullopt;
}

void WarmTemplate::asked(const Ask& ask, WallTime now) {
  const rokt::LocalDay today = rokt::local_day(now, zone_);
  if (!history_.asked(today, rokt::local_minute(now, zone_))) return;
  lifetime_ = ask.lifetime;
  unused_in_a_row_ = 0;
  if (today != day_) return;
  if (state_ == State::warmed && ask.from_cache) return was_used(now);
  if (state_ == State::warmed && fetches_ > 0) ++counts_.unused;  // it came too early to be of use
  if (state_ == State::warmed || state_ == State::waiting) state_ = State::asked;
}

void WarmTemplate::look_at_clock(WallTime now, milliseconds settling) {
  const bool same_day = now >= day_begins_ && now < day_ends_;
  if (same_day || state_ == State::under_way) return;
  end_day();
  day_ = rokt::local_day(now, zone_);
  day_begins_ = std::min(now, at(minutes{0}));
  day_ends_ = zone_.next_day(now);
  plan(settling);
}

/// A fetch that nobody used has cost a call for nothing. So has one that only fails.
void WarmTemplate::end_day() {
  if (state_ == State::waiting && !last_failure_.empty()) ++counts_.failed;
  const bool unused = state_ == State::warmed && fetches_ > 0;
  if (unused) ++counts_.unused;
  const bool only_failed = fetches_ == 0 && failed_calls_ > 0 && !history_.asked_on(day_);
  if (unused || only_failed) ++unused_in_a_row_;
}

/// A time of the day that comes twice is the second one: what ended at midnight has ended then in each
/// reading.
WallTime WarmTemplate::at(minutes since_midnight) const {
  return zone_.to_wall_latest(rokt::LocalTime(day_.time_since_epoch()) + since_midnight);
}

void WarmTemplate::plan(milliseconds settling) {
  fetches_ = 0;
  failed_calls_ = 0;
  last_failure_.clear();
  state_ = State::waiting;
  if (named_at_) {
    next_try_ = at(*named_at_);
    wanted_until_ = next_try_ + patience;
    return;
  }
  if (history_.asked_on(day_)) {
    state_ = State::asked;
  } else if (!history_.is_likely_on(day_)) {
    state_ = State::done;
  }
  const milliseconds lead = std::min(longest_lead, lifetime_ / 2);
  next_try_ = std::max(at(minutes{0}) + settling, at(history_.earliest()) - lead);
  wanted_until_ = std::max(next_try_, at(history_.latest())) + patience;
}

bool WarmTemplate::is_due(WallTime now) const {
  const auto next = next_try();
  return next && now >= *next && now <= wanted_until_;
}

void WarmTemplate::has_warmed(const WarmedEntry& entry, bool fetched) {
  entry_ = entry;
  if (fetched && ++fetches_ == 1) ++counts_.warmed;
  last_failure_.clear();
  // A named template is wanted at its time only, so it is not fetched again.
  const bool again = !named_at_ && fetches_ < most_fetches;
  state_ = State::warmed;
  next_try_ = again ? entry.fresh_until : WallTime::max();
  if (named_at_ || !history_.asked_on(day_)) return;
  state_ = State::used;  // by who came while it was under way
  if (fetched) ++counts_.used;
}

void WarmTemplate::has_failed(WarmingFailure failure) {
  last_failure_ = std::move(failure.why);
  if (failure.cost_a_call && ++failed_calls_ == most_fetches) failure.again.reset();
  if (!failure.again && fetches_ == 0) ++counts_.failed;
  next_try_ = failure.again.value_or(WallTime::max());
  state_ = fetches_ > 0 ? State::warmed : failure.again ? State::waiting : State::done;
}

const WarmedEntry* WarmTemplate::unused_entry() const {
  return state_ == State::warmed ? &entry_ : nullptr;
}

void WarmTemplate::was_used(WallTime now) {
  if (state_ != State::warmed) return;
  state_ = State::used;
  unused_in_a_row_ = 0;
  if (fetches_ > 0) ++counts_.used;
  history_.asked(day_, rokt::local_minute(now, zone_));
}

bool WarmTemplate::is_to_be_forgotten() const {
  if (!is_learned()) return false;
  return unused_in_a_row_ >= most_unused || day_ - history_.last_day() > forgotten_after;
}

}  // namespace roktcached::caching
