// Replays three weeks of BI work, and counts how many of the first requests of a morning find their report in
// the cache: without and with warming, and at what price.
//
// The deciding code is the real one: keys, time zones, states, lifetimes, refresh ahead, and what is learned
// and when it is due. The clock, the store and the upstream are played. 40 dashboards of 25 tiles are looked
// at from Monday to Friday, from about 8:00 to 18:00 on the clock of their zone, and refresh every five
// minutes. Their dates are computed on each day: today, yesterday, the last seven days, this month, the last
// one; three tiles of ten have dates that stay. The upstream answers in 200 ms, two requests at once when
// nobody waits.
//
// The first week is there to be learned from. Then each day is judged.
//
// Usage: warming_replay [--check]    --check: exit 1 where a bar is missed
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "client_spellings.h"
#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/caching/key.h"
#include "core/caching/warm_schedule.h"
#include "core/http/target.h"
#include "core/rokt/date_template.h"
#include "core/rokt/moving_dates.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

namespace {

using namespace roktcached;
using caching::Key;
using caching::KeyHash;
using rokt::LocalDay;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr LocalDay first_day{std::chrono::year{2026} / 10 / 19};  // a Monday; a month and two clocks change
constexpr int days_played = 19;
constexpr int days_of_learning = 7;
constexpr std::array<const char*, 3> zones = {"America/New_York", "Europe/London", "Australia/Sydney"};
constexpr std::array<const char*, 2> currencies = {"USD", "GBP"};
constexpr std::size_t tiles_each = 25;
constexpr std::size_t dashboards = 40;
constexpr seconds look_every{10};
constexpr int fetches_a_look = 100;  // two at once, of 200 ms each

/// The dates of a tile on a day, as bare days: up to, and without, the second one.
struct Range {
  LocalDay start;
  LocalDay end;
};

Range range_of(std::size_t tile, LocalDay today) {
  const LocalDay month(std::chrono::year_month_day(today).year() /
                       std::chrono::year_month_day(today).month() / 1);
  const auto of = [](int year, unsigned month_of_year) {
    return LocalDay(std::chrono::year{year} / std::chrono::month{month_of_year} / 1);
  };
  switch (tile % 10) {
    case 0:
      return {today, today + days{1}};
    case 5:
      return {month, today + days{1}};
    case 1:
    case 2:
      return {today - days{1}, today};
    case 4:
    case 7:
      return {today - days{7}, today};
    case 8:
      return {rokt::RelativeDay{rokt::RelativeDay::From::first_of_month, -1}.on(today), month};
    case 3:
      return {of(2026, 4), of(2026, 7)};
    case 6:
      return {of(2025, 10), of(2025, 11)};
    default:
      return {of(2026, 1), of(2026, 4)};
  }
}

struct Question {
  Key key;
  WallTime range_end;
};

/// What a tile asks on a day.
Question question_of(std::size_t tile, LocalDay today) {
  const auto [start, end] = range_of(tile, today);
  const bench::ReportQuestion asked{"/reporting/accounts/" + std::to_string(1 + tile / 12) + "/campaigns/" +
                                        std::to_string(1 + tile % 12) + "/overview",
                                    rokt::text_of(start) + "T00:00:00", rokt::text_of(end) + "T00:00:00",
                                    currencies[tile % currencies.size()],
                                    zones[tile / tiles_each % zones.size()]};
  static const rokt::RouteTable routes(rokt::rokt_routes());
  const std::string text = bench::target_of(asked, bench::client_kinds.front());
  const auto target = http::parse_target(text);
  const auto match = routes.match("GET", target->path);
  const auto checked = rokt::check_parameters(*match->route, http::parse_query(target->query), {});
  return {Key(bench::key_of(asked, bench::client_kinds.front())), *checked->range_end};
}

/// What a day has cost, and how its morning was.
struct Score {
  std::size_t calls = 0;
  std::size_t first_asks = 0;
  std::size_t first_hits = 0;
};

/// The proxy, and those who ask.
class Replay {
 public:
  explicit Replay(bool warms) { schedule_.change({.learn = warms}, {}); }

  /// @return a score for each day, on the clocks of the zones
  std::vector<Score> play() {
    for (const Ask& ask : all_asks()) {
      pass_until(ask.at);
      answer(ask, question_of_today(ask.tile, ask.day));
    }
    pass_until(now_ + hours{24});
    return scores_;
  }
  [[nodiscard]] caching::WarmSchedule::Totals totals() const { return schedule_.totals(); }

 private:
  struct Entry {
    caching::StoredResponse response;
    std::uint64_t uses = 0;  // since it was stored
  };
  struct Ask {
    WallTime at;
    LocalDay day;
    std::size_t tile = 0;
    bool first = false;
  };
  using Due = std::pair<WallTime, KeyHash>;
  struct Later {
    bool operator()(const Due& left, const Due& right) const { return left.first > right.first; }
  };

  std::vector<Ask> all_asks() {
    std::vector<Ask> asks;
    for (int number = 0; number < days_played; ++number) {
      const LocalDay day = first_day + days{number};
      const std::chrono::weekday weekday(day);
      if (weekday != std::chrono::Saturday && weekday != std::chrono::Sunday) add_asks(asks, day);
    }
    std::ranges::sort(asks, {}, &Ask::at);
    return asks;
  }

  void add_asks(std::vector<Ask>& asks, LocalDay day) {
    const auto jitter = [this](seconds most) {
      return milliseconds{
          static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(milliseconds{most}.count()))};
    };
    for (std::size_t dashboard = 0; dashboard < dashboards; ++dashboard) {
      const rokt::TimeZone zone = *rokt::TimeZone::find(zones[dashboard % zones.size()]);
      const auto at = [&](hours hour) {
        return zone.to_wall_latest(rokt::LocalTime(day.time_since_epoch()) + hour);
      };
      const WallTime begin = at(hours{8}) + jitter(minutes{5});
      for (WallTime time = begin; time < at(hours{18}); time += minutes{5}) {
        for (std::size_t tile = 0; tile < tiles_each; ++tile)
          asks.push_back({time + jitter(seconds{3}), day, dashboard * tiles_each + tile, time == begin});
      }
    }
  }

  const Question& question_of_today(std::size_t tile, LocalDay day) {
    auto& [asked_on, question] = questions_[tile];
    if (asked_on != day) {
      asked_on = day;
      question = question_of(tile, day);
    }
    return question;
  }

  /// Lets time pass: refreshes ahead, and warms.
  void pass_until(WallTime until) {
    if (now_ == WallTime()) now_ = until;
    for (; now_ + look_every <= until; now_ += look_every) {
      refresh_ahead(now_);
      warm(now_);
    }
  }

  void refresh_ahead(WallTime now) {
    while (!due_.empty() && due_.top().first <= now) {
      const auto [at, hash] = due_.top();
      due_.pop();
      Entry& entry = entries_[hash];
      if (caching::refresh_ahead_at(entry.response) != at ||
          !caching::worth_refreshing_ahead(entry.response, entry.uses, policy_))
        continue;
      store(entry.response.key, *entry.response.range_end, at, 0);
    }
  }

  void warm(WallTime now) {
    const auto entry_of = [this](const KeyHash& hash) -> std::optional<caching::WarmedEntry> {
      const auto found = entries_.find(hash);
      if (found == entries_.end()) return std::nullopt;
      return warmed_entry(found->second);
    };
    schedule_.look_for_uses(entry_of, now);
    for (int fetches = 0; fetches < fetches_a_look;) {
      const auto due = schedule_.take_due(now);
      if (!due) return;
      const Key key("default " + *rokt::fill_dates(due->question.target, due->day) + " LATEST");
      const auto found = entries_.find(key.hash());
      const auto* stored = found == entries_.end() ? nullptr : &found->second.response;
      const bool fetch = caching::decide(stored, {}, policy_, now).action != caching::Action::use;
      if (fetch) store(key, range_end_of(key), now, 0);
      fetches += fetch ? 1 : 0;
      schedule_.has_warmed(due->id, warmed_entry(entries_[key.hash()]), fetch);
    }
  }

  static caching::WarmedEntry warmed_entry(const Entry& entry) {
    return {entry.response.key.hash(), entry.response.fetched_at, entry.response.fresh_until, entry.uses};
  }

  static WallTime range_end_of(const Key& key) {
    static const rokt::RouteTable routes(rokt::rokt_routes());
    const auto target = http::parse_target(caching::target_of(key));
    const auto match = routes.match("GET", target->path);
    return *rokt::check_parameters(*match->route, http::parse_query(target->query), {})->range_end;
  }

  void answer(const Ask& ask, const Question& question) {
    Entry& entry = entries_[question.key.hash()];
    const auto* stored = entry.response.key.text().empty() ? nullptr : &entry.response;
    const auto decision = caching::decide(stored, {}, policy_, ask.at);
    const bool hit = decision.action != caching::Action::fetch;
    Score& score = score_of(question.key, ask.at);
    score.first_asks += ask.first ? 1 : 0;
    score.first_hits += ask.first && hit ? 1 : 0;
    ++entry.uses;
    if (decision.action == caching::Action::use) return;
    store(question.key, question.range_end, ask.at, 1);
    schedule_.asked(question.key, {entry.response.fresh_until - entry.response.fetched_at, hit}, ask.at);
  }

  /// Of the day in the zone that the question is of.
  Score& score_of(const Key& key, WallTime now) {
    const std::string_view text = key.text();
    const auto* const zone = std::ranges::find_if(
        zones, [text](const char* name) { return text.find(name) != std::string_view::npos; });
    const auto day = rokt::local_day(now, *rokt::TimeZone::find(*zone)) - first_day;
    return scores_.at(static_cast<std::size_t>(std::clamp<std::int64_t>(day.count(), 0, days_played)));
  }

  /// Asks the upstream, and keeps what it answers.
  void store(const Key& key, WallTime range_end, WallTime now, std::uint64_t asks) {
    ++score_of(key, now).calls;
    Entry& entry = entries_[key.hash()];
    caching::StoredResponse response;
    response.key = key;
    response.range_end = range_end;
    response.fetched_at = now;
    const bool unchanged = random_() % 100 >= 3;  // a restating range is restated in three hours of a hundred
    if (!entry.response.key.text().empty() && unchanged)
      response.steady_refreshes = caching::steady_refreshes_after(entry.response, range_end, now, policy_);
    const auto lifetime = caching::lifetime_of(rokt::RouteClass::report, 200, range_end, now, policy_,
                                               response.steady_refreshes);
    response.fresh_until = lifetime->fresh_until;
    response.usable_until = lifetime->usable_until;
    entry.response = std::move(response);
    entry.uses = asks;
    due_.emplace(caching::refresh_ahead_at(entry.response), key.hash());
  }

  const caching::FreshnessPolicy policy_;
  std::mt19937_64 random_{20261019};
  caching::WarmSchedule schedule_;
  std::unordered_map<KeyHash, Entry, caching::KeyHashHasher> entries_;
  std::array<std::pair<LocalDay, Question>, dashboards * tiles_each> questions_;
  std::priority_queue<Due, std::vector<Due>, Later> due_;
  std::vector<Score> scores_ = std::vector<Score>(days_played + 1);  // of the day after, too
  WallTime now_;
};

double percent(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

bool holds(bool condition, const char* bar) {
  std::printf("%s: %s\n", condition ? "holds" : "MISSED", bar);
  return condition;
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc > 1 && std::strcmp(argv[1], "--check") == 0;
  Replay cold(false);
  Replay warm(true);
  const std::vector<Score> without = cold.play();
  const std::vector<Score> with = warm.play();

  std::printf("| day | first asks | as hits, without | as hits, warmed | calls, without | calls, warmed |\n");
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  bool hits = true;
  bool cheap = true;
  Score all_without;
  Score all_with;
  for (std::size_t day = days_of_learning; day < days_played; ++day) {
    const std::string date = rokt::text_of(first_day + days{day});
    std::printf("| %s | %5zu | %5.1f %% | %5.1f %% | %6zu | %6zu |\n", date.c_str(), with[day].first_asks,
                percent(without[day].first_hits, without[day].first_asks),
                percent(with[day].first_hits, with[day].first_asks), without[day].calls, with[day].calls);
    hits &= with[day].first_hits * 10 >= with[day].first_asks * 9;
    cheap &= with[day].calls * 10 <= without[day].calls * 11;
    all_without.calls += without[day].calls;
    all_with.calls += with[day].calls;
  }
  const auto totals = warm.totals();
  std::printf(
      "\n%zu templates; %llu instances warmed, %llu used, %llu never used; %llu templates forgotten\n",
      totals.learned, static_cast<unsigned long long>(totals.counts.warmed),
      static_cast<unsigned long long>(totals.counts.used),
      static_cast<unsigned long long>(totals.counts.unused),
      static_cast<unsigned long long>(totals.forgotten));
  std::printf("With warming, %.3f times the calls.\n",
              static_cast<double>(all_with.calls) / static_cast<double>(all_without.calls));
  bool all = holds(hits, "on each day, nine of ten first requests of a morning are hits");
  all &= holds(cheap, "on each day, at most 1.1 times the calls");
  return check && !all ? 1 : 0;
}
