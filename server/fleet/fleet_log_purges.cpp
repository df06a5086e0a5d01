// How purges go through the fleet: those of others are done here, those that were asked for here are told.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <limits>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/fleet_budget.h"
#include "server/fleet/fleet_log.h"
#include "server/fleet/shared_answer.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds until_purged_again{1000};
constexpr milliseconds longest_confirmation{2000};
constexpr std::string_view kept_purges = "1000";
/// What the purges of a crew are bound to, beside its prefix.
constexpr std::string_view purge_bound = "purge|";

}  // namespace

/// What cannot be read may select anything.
void FleetLog::take_purge(std::size_t crew, const EngineReply& event) {
  State& state = *states_[crew];
  const StreamPosition position = StreamPosition::of(event.text_at(0));
  if (event.items.size() != 2 || position <= state.history.heard()) return;
  const auto plain = crews_[crew]->purges.open(LogEntry{event.items[1]}["b"],
                                               std::string(purge_bound) + crews_[crew]->prefix);
  const auto read = plain ? read_purge(*plain) : Result<caching::Purge>(Error{});
  const caching::Purge purge = read ? *read : caching::Purge{caching::Everything{}, caching::PurgeKind::soft};
  state.history.add(position, purge);
  if (position <= state.done) return;
  state.due.emplace_back(position, purge);
  purge_what_is_due(crew);
}

void FleetLog::purge_what_is_due(std::size_t crew) {
  if (stopped_ || std::exchange(states_[crew]->purging, true)) return;
  asio::co_spawn(executor_, purge_in_order(crew), logging_failure("purging as the fleet asks"));
}

/// One after the other, until each is done: only then is it shown as done.
asio::awaitable<void> FleetLog::purge_in_order(std::size_t crew) {
  State& state = *states_[crew];
  struct Purging {
    bool& purging;
    ~Purging() { purging = false; }
  };
  const Purging purging{state.purging};
  while (!stopped_ && (state.all_stale_due || !state.due.empty())) {
    const bool all = state.all_stale_due;
    const StreamPosition position = all ? state.done : state.due.front().first;
    const caching::Purge purge =
        all ? caching::Purge{caching::Everything{}, caching::PurgeKind::soft} : state.due.front().second;
    Result<std::uint64_t> purged = std::uint64_t{0};
    const auto work = [&] { purged = purge_(purge); };
    co_await run_on(purger_, work);
    if (!purged) {
      asio::steady_timer pause(executor_);
      pause.expires_after(until_purged_again);
      co_await pause.async_wait(as_result);
      continue;
    }
    if (all) {
      state.all_stale_due = false;
    } else if (!state.due.empty() && state.due.front().first == position) {
      state.due.pop_front();
      state.done = std::max(state.done, position);
    }
    note_done(crew);
    if (!state.due.empty()) continue;
    const bool shown = co_await show(crew);
    static_cast<void>(shown);
  }
}

/// @return its position; empty where the engine is not to be had
asio::awaitable<std::string> FleetLog::announce(std::size_t crew, const caching::Purge& purge) {
  const Crew& c = *crews_[crew];
  std::string sealed = c.purges.seal(written(purge), std::string(purge_bound) + c.prefix);
  const auto reply = co_await engine_.run(purge_script, words(c.purges_key),
                                          words(std::move(sealed), std::string(kept_purges)));
  co_return reply ? reply->text : std::string();
}

/// What was purged here while this instance was alone is not to come back from the engine.
asio::awaitable<bool> FleetLog::announce_untold(std::size_t crew) {
  UntoldPurges& untold = states_[crew]->untold;
  if (untold.empty()) co_return true;
  while (!untold.empty()) {
    const auto one = untold.first();
    const std::string position = co_await announce(crew, one.second);
    if (position.empty()) co_return false;
    untold.remove(one.first);
  }
  note_done(crew);
  co_return true;
}

/// Also where this process ends before it has told: then the next one does.
asio::awaitable<void> FleetLog::write_untold() {
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    if (!states_[i]->untold.empty()) note_done(i);
  }
  const auto work = [this] { store_.flush(); };
  co_await run_on(purger_, work);
}

asio::awaitable<Confirmed> FleetLog::tell(caching::Purge purge) {
  std::vector<std::string> positions;
  bool told = true;
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    UntoldPurges& untold = states_[i]->untold;
    // From before the others are told: what they have fetched does not come back meanwhile.
    const std::uint64_t number = untold.add(purge);
    positions.push_back(co_await announce(i, purge));
    if (positions.back().empty()) {
      told = false;
    } else {
      untold.remove(number);
    }
  }
  if (told) co_return co_await confirmed(std::move(positions));
  co_await write_untold();
  co_return here_alone();
}

/// There may be others: whoever is alone cannot know that it is the only one.
Confirmed FleetLog::here_alone() const {
  constexpr std::uint64_t at_least = 2;
  const State& state = *states_.front();
  return {1, std::max({state.members.known, expected_back(state), at_least})};
}

/// Waits a moment until all have done the purges at `positions`, one a crew.
asio::awaitable<Confirmed> FleetLog::confirmed(std::vector<std::string> positions) {
  const SteadyTime until = clock_.steady_now() + longest_confirmation;
  asio::steady_timer pause(executor_);
  milliseconds wait{2};
  Confirmed all;
  do {
    pause.expires_after(wait);
    co_await pause.async_wait(as_result);
    wait = std::min(wait * 2, milliseconds{50});
    all = {.confirmed = std::numeric_limits<std::uint64_t>::max(), .instances = 1};
    for (std::size_t i = 0; i < crews_.size(); ++i) {
      const auto reply =
          co_await engine_.run(confirmed_script, words(crews_[i]->members_key, crews_[i]->confirmed_key),
                               words(positions[i], std::to_string(FleetBudget::presence.count())));
      if (!reply) co_return here_alone();
      const std::int64_t known = reply->number_at(0) + reply->number_at(2);
      Confirmed one{static_cast<std::uint64_t>(std::max<std::int64_t>(reply->number_at(1), 0)),
                    static_cast<std::uint64_t>(std::max<std::int64_t>(known, 1))};
      // An engine that was emptied a moment ago knows less than this instance, which may not know of that
      // yet.
      if (one.confirmed >= one.instances) {
        const bool shown = co_await show(i);
        if (!shown) co_return here_alone();
      }
      one.instances = std::max(one.instances, expected_back(*states_[i]));
      all.confirmed = std::min(all.confirmed, one.confirmed);
      all.instances = std::max(all.instances, one.instances);
    }
  } while (all.confirmed < all.instances && clock_.steady_now() < until);
  co_return all;
}

}  // namespace roktcached::fleet
