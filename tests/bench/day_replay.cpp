// Replays a day of BI work against three caches and counts what each costs the upstream, and for how long it
// showed numbers that the upstream would no longer have given.
//
// Ours is the real deciding code with the default policy: parameters, time zones, states, lifetimes and
// decisions come from core/, only the clock, the store and the upstream are played. The day has 40 dashboards
// of 25 tiles that refresh every five minutes from 08:00 to 18:00, and 10 services that poll 20 keys every
// minute all day; no two share a key. Of the keys 20 % are open, 50 % restating, 30 % settled, in three time
// zones and two currencies. The upstream's data move once an hour: open ranges always, restating ones in 3 %
// of the hours, settled ones never.
//
// Each dashboard and each service is asked for by five clients of different kinds in turn. First all of them
// spell alike; then each spells as its kind does (client_spellings.h), which must cost roktcached no call
// more, and shows what it costs a cache whose key is the target as it comes.
//
// Usage: day_replay [--check] [SEED...]    --check: exit 1 where a bar is missed
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client_spellings.h"
#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "replayed_day.h"

namespace {

using namespace roktcached;
using bench::Ask;
using bench::client_kinds;
using bench::ClientKind;
using bench::Day;
using bench::Report;
using bench::ReportQuestion;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr milliseconds upstream_latency{200};
constexpr milliseconds fixed_lifetime = minutes{5};
constexpr std::size_t state_count = 3;  // open, restating, settled

/// Under which entry a cache keeps what each client asks for.
class Keys {
 public:
  /// How a cache names the answer to a question that a client of a kind asks.
  using Naming = std::string (*)(const ReportQuestion&, const ClientKind&);

  Keys(const Day& day, Naming name) {
    std::unordered_map<std::string, std::size_t> numbers;
    for (const Report& report : day.reports()) {
      auto& of_report = entries_.emplace_back();
      for (std::size_t client = 0; client < client_kinds.size(); ++client)
        of_report[client] =
            numbers.try_emplace(name(report.question, client_kinds[client]), numbers.size()).first->second;
    }
    size_ = numbers.size();
  }

  [[nodiscard]] std::size_t entry_of(const Ask& ask) const { return entries_[ask.report][ask.client]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::vector<std::array<std::size_t, client_kinds.size()>> entries_;  // by report and client
  std::size_t size_ = 0;
};

/// All clients spell alike.
std::string one_spelling(const ReportQuestion& question, const ClientKind& /*client*/) {
  return bench::target_of(question, client_kinds.front());
}

/// The measure by which the contestants are compared, one for each state.
struct Staleness {
  std::size_t shown = 0;
  milliseconds total{0};
  milliseconds worst{0};

  void add(milliseconds outdated) {
    ++shown;
    total += outdated;
    worst = std::max(worst, outdated);
  }
  [[nodiscard]] double average_s() const {
    return shown == 0 ? 0 : static_cast<double>(total.count()) / 1000 / static_cast<double>(shown);
  }
};

struct Score {
  std::size_t calls = 0;
  std::size_t asks = 0;
  std::size_t waited = 0;  // asks that had to wait for the upstream
  std::array<Staleness, state_count> by_state;

  void show(const Day& day, const Ask& ask, int version) {
    ++asks;
    const auto state = static_cast<std::size_t>(day.reports()[ask.report].state(ask.at));
    const bool current = day.version(ask.report, ask.at) == version;
    by_state[state].add(current ? milliseconds{0} : ask.at - day.outdated_since(ask.report, version, ask.at));
  }
  Score& operator+=(const Score& other) {
    calls += other.calls;
    asks += other.asks;
    waited += other.waited;
    for (std::size_t i = 0; i < state_count; ++i) {
      by_state[i].shown += other.by_state[i].shown;
      by_state[i].total += other.by_state[i].total;
      by_state[i].worst = std::max(by_state[i].worst, other.by_state[i].worst);
    }
    return *this;
  }
};

Score without_cache(const Day& day) {
  Score score;
  for (const Ask& ask : day.asks()) {
    ++score.calls;
    ++score.waited;
    score.show(day, ask, day.version(ask.report, ask.at));
  }
  return score;
}

/// As nginx (proxy_cache_valid 200 5m; proxy_cache_lock on) or Varnish (ttl 5m, no grace) would do: every
/// answer lives five minutes from when it came, and the first request after that waits for a new one.
Score with_fixed_lifetime(const Day& day, const Keys& keys) {
  struct Entry {
    int version = 0;
    WallTime fresh_until;
  };
  std::vector<Entry> entries(keys.size());
  Score score;
  for (const Ask& ask : day.asks()) {
    Entry& entry = entries[keys.entry_of(ask)];
    if (ask.at >= entry.fresh_until) {
      ++score.calls;
      ++score.waited;
      entry = {day.version(ask.report, ask.at), ask.at + upstream_latency + fixed_lifetime};
    }
    score.show(day, ask, entry.version);
  }
  return score;
}

/// The proxy: a store of one response a key, and a refresh that runs behind an answer.
class Ours {
 public:
  Ours(const Day& day, const Keys& keys) : day_(day), keys_(keys), entries_(keys.size()) {}

  Score play() {
    for (const Ask& ask : day_.asks()) {
      refresh_ahead_until(ask.at);
      answer(ask);
    }
    return score_;
  }

 private:
  struct Entry {
    std::size_t report = 0;
    std::optional<caching::StoredResponse> response;
    int version = 0;
    std::optional<WallTime> refresh_sent_at;
    std::uint64_t uses = 0;  // since it was stored
  };

  /// Does the refreshes that are due before `now`, in order, as proxy::RefreshAhead does with an idle
  /// upstream.
  void refresh_ahead_until(WallTime now) {
    while (!due_.empty() && due_.top().first <= now) {
      const auto [at, number] = due_.top();
      due_.pop();
      Entry& entry = entries_[number];
      const bool the_one_expected = entry.response && caching::refresh_ahead_at(*entry.response) == at;
      if (!the_one_expected || entry.refresh_sent_at ||
          !caching::worth_refreshing_ahead(*entry.response, entry.uses, policy_))
        continue;
      ++score_.calls;
      store(number, at, 0);
    }
  }

  void answer(const Ask& ask) {
    const std::size_t number = keys_.entry_of(ask);
    Entry& entry = entries_[number];
    entry.report = ask.report;
    if (entry.refresh_sent_at && *entry.refresh_sent_at + upstream_latency <= ask.at) {
      store(number, *entry.refresh_sent_at, 0);
      entry.refresh_sent_at.reset();
    }
    const auto decision = caching::decide(entry.response ? &*entry.response : nullptr,
                                          http::RequestDirectives{}, policy_, ask.at);
    if (decision.action == caching::Action::fetch && !entry.refresh_sent_at) {
      ++score_.calls;
      ++score_.waited;
      store(number, ask.at, 1);
    } else if (decision.action == caching::Action::use_and_refresh && !entry.refresh_sent_at) {
      ++score_.calls;
      entry.refresh_sent_at = ask.at;
      ++entry.uses;
    } else {
      ++entry.uses;
    }
    score_.show(day_, ask, entry.version);
  }

  /// Keeps what the upstream answers to a request sent at `sent_at`.
  /// @param asks  requests of clients that it answers
  void store(std::size_t number, WallTime sent_at, std::uint64_t asks) {
    Entry& entry = entries_[number];
    const WallTime range_end = day_.reports()[entry.report].range_end;
    const int version = day_.version(entry.report, sent_at);
    caching::StoredResponse response;
    response.range_end = range_end;
    response.fetched_at = sent_at;
    if (entry.response && entry.version == version)
      response.steady_refreshes =
          caching::steady_refreshes_after(*entry.response, range_end, sent_at, policy_);
    const auto lifetime = caching::lifetime_of(rokt::RouteClass::report, 200, range_end, sent_at, policy_,
                                               response.steady_refreshes);
    response.fresh_until = lifetime->fresh_until;
    response.usable_until = lifetime->usable_until;
    entry.response = std::move(response);
    entry.version = version;
    entry.uses = asks;
    due_.emplace(caching::refresh_ahead_at(*entry.response), number);
  }

  using Due = std::pair<WallTime, std::size_t>;  // when, and which entry

  const Day& day_;
  const Keys& keys_;
  const caching::FreshnessPolicy policy_;
  std::vector<Entry> entries_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Score score_;
};

void print(const char* name, const Score& score, std::size_t days) {
  std::printf("| %-38s | %8zu | %5.1f %% |", name, score.calls / days,
              100.0 * static_cast<double>(score.waited) / static_cast<double>(score.asks));
  for (const auto& state : score.by_state)
    std::printf(" %6.2f s / %5.0f s |", state.average_s(), static_cast<double>(state.worst.count()) / 1000);
  std::printf("\n");
}

bool holds(bool condition, const char* bar) {
  std::printf("%s: %s\n", condition ? "holds" : "MISSED", bar);
  return condition;
}

/// The scores of all contestants.
struct Scores {
  Score none;
  Score fixed;
  Score ours;
  Score ours_spelled;
  Score fixed_raw;
  Score ours_raw;
  bool one_key_each = true;

  void play(unsigned seed) {
    const Day day(seed);
    const Keys plain(day, one_spelling);
    const Keys spelled(day, bench::key_of);
    const Keys raw(day, bench::raw_key_of);
    one_key_each &= spelled.size() == day.reports().size() && plain.size() == day.reports().size();
    none += without_cache(day);
    fixed += with_fixed_lifetime(day, plain);
    ours += Ours(day, plain).play();
    ours_spelled += Ours(day, spelled).play();
    fixed_raw += with_fixed_lifetime(day, raw);
    ours_raw += Ours(day, raw).play();
  }
};

void print_table(const Scores& scores, std::size_t days) {
  std::printf(
      "A day of 40 dashboards and 10 services, mean of %zu seeds. Shown though the upstream would have said "
      "otherwise: average / worst.\n\n",
      days);
  std::printf("| %-38s | %8s | %7s | %18s | %18s | %18s |\n", "", "calls", "waited", "open", "restating",
              "settled");
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  print("no cache", scores.none, days);
  print("fixed 5 min, coalescing", scores.fixed, days);
  print("roktcached", scores.ours, days);
  std::printf("| as real clients spell: | | | | | |\n");
  print("fixed 5 min, coalescing, raw target", scores.fixed_raw, days);
  print("roktcached's lifetimes, raw target", scores.ours_raw, days);
  print("roktcached", scores.ours_spelled, days);
}

bool hold_bars(const Scores& scores) {
  const caching::FreshnessPolicy policy;
  std::printf("\nroktcached spends %.1f %% of the fixed cache's calls.\n",
              100.0 * static_cast<double>(scores.ours.calls) / static_cast<double>(scores.fixed.calls));
  bool all =
      holds(scores.ours.calls * 4 <= scores.fixed.calls, "at most a quarter of the fixed cache's calls");
  all &= holds(scores.ours.by_state[0].average_s() <= scores.fixed.by_state[0].average_s() &&
                   scores.ours.by_state[0].worst <= fixed_lifetime,
               "open ranges no staler than with the fixed cache: on average, and at worst its five minutes");
  all &= holds(scores.ours.by_state[1].worst <= policy.restating_max + policy.stale_while_revalidate,
               "restating ranges within restating_max + stale_while_revalidate");
  all &= holds(scores.one_key_each, "one key for each report, however clients spell it");
  all &= holds(scores.ours_spelled.calls == scores.ours.calls,
               "as many calls when the clients spell as real ones do");
  all &= holds(scores.ours_raw.calls >= 2 * scores.ours.calls,
               "at least twice as many with the raw target as the key");
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  std::vector<unsigned> seeds;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) {
      check = true;
    } else {
      seeds.push_back(static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10)));
    }
  }
  if (seeds.empty()) seeds = {1, 2, 3, 4, 5};

  Scores scores;
  for (const unsigned seed : seeds) scores.play(seed);
  print_table(scores, seeds.size());
  return !hold_bars(scores) && check ? 1 : 0;
}
