// FleetLog: it does the purges of other instances here, tells them of those that were made here, and goes on
// where the engine has lost some.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/fleet_budget.h"
#include "server/fleet/fleet_log.h"
#include "server/fleet/shared_answer.h"
#include "server/log_event.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds until_purged_again{1000};
constexpr milliseconds longest_confirmation{2000};
constexpr std::string_view kept_purges = "1000";
/// The most lost purges that are told again one by one.
constexpr std::size_t most_told_again = 10;
/// Part of what the purges of a crew are bound to; its prefix is the other part.
constexpr std::string_view purge_bound = "purge|";

}  // namespace

/// A purge that cannot be read may select anything.
void FleetLog::take_purge(std::size_t crew, const EngineReply& event) {
  State& state = *states_[crew];
  const StreamPosition position = StreamPosition::of(event.text_at(0));
  if (event.items.size() != 2 || position <= state.history.heard()) return;
  const auto plain = crews_[crew]->purges.open(LogEntry{event.items[1]}["b"],
                                               std::string(purge_bound) + crews_[crew]->prefix);
  const auto read = plain ? read_purge(*plain) : Result<caching::Purge>(Error{});
  const caching::Purge purge = read ? *read : caching::Purge{caching::Everything{}, caching::PurgeKind::soft};
  // In this order: one that is known is not taken again, should memory fail in between.
  if (position > state.done) state.due.emplace_back(position, purge);
  state.history.add(position, purge);
  purge_what_is_due(crew);
}

void FleetLog::purge_what_is_due(std::size_t crew) {
  constexpr std::string_view what = "purging as the fleet asks";
  State& state = *states_[crew];
  if (stopped_ || state.purging || (state.due.empty() && !state.all_stale_due)) return;
  state.purging = true;
  const auto at_end = [this, crew](bool has_failed) {
    if (has_failed) post_with_retry(executor_, [this, crew] { purge_what_is_due(crew); });
  };
  retry_until_done(what, [&] { spawn_watched(executor_, purge_in_order(crew), what, at_end); });
}

std::size_t FleetLog::due() const {
  std::size_t count = 0;
  for (const auto& state : states_)
    count += state->due.size() + (state->all_stale_due ? 1 : 0) + (state->making_stale ? 1 : 0);
  return count;
}

/// Does the purges one after the other. A purge is shown as done only when it is. If the next ones are the
/// same, they are done with it: of an engine that tells rubbish, each event makes all stale.
asio::awaitable<void> FleetLog::purge_in_order(std::size_t crew) {
  State& state = *states_[crew];
  struct Purging {
    State& of;
    ~Purging() {
      of.purging = false;
      if (std::exchange(of.making_stale, false)) of.all_stale_due = true;
    }
  };
  const Purging purging{state};
  while (!stopped_ && (state.all_stale_due || !state.due.empty())) {
    const bool all = state.all_stale_due;
    const caching::Purge purge =
        all ? caching::Purge{caching::Everything{}, caching::PurgeKind::soft} : state.due.front().second;
    const auto others = std::find_if(state.due.begin(), state.due.end(),
                                     [&](const auto& one) { return one.second != purge; });
    const auto alike = others - state.due.begin();
    if (all) state.all_stale_due = false;  // it may be asked for anew meanwhile
    state.making_stale = all;
    Result<std::uint64_t> purged = std::uint64_t{0};
    const auto work = [&] { purged = purge_(purge); };
    co_await run_on(purger_, work);
    state.making_stale = false;
    if (!purged) {
      state.all_stale_due = state.all_stale_due || all;
      asio::steady_timer pause(executor_);
      pause.expires_at(clock_.steady_now() + until_purged_again);
      co_await pause.async_wait(as_result);
      continue;
    }
    for (auto i = alike; i > 0; --i) {
      state.done = std::max(state.done, state.due.front().first);
      state.due.pop_front();
    }
    if (state.due.empty()) {
      const bool shown = co_await show(crew);
      static_cast<void>(shown);
    }
    write_note(crew);
  }
}

/// All purges that the engine knows are done here, and those that it knows no more, too.
void FleetLog::begin_anew(std::size_t crew, const std::string& epoch) {
  State& state = *states_[crew];
  state.epoch = epoch;
  state.history.begin_anew();
  state.purges_read = state.done = state.contiguous = StreamPosition();
  for (auto& [position, purge] : state.due) position = StreamPosition();
}

/// An engine has taken another's place, and lacks the purges after `last`: a replica that was promoted, say.
/// They are done here, and whoever knows them tells them again. Its positions may come before those of the
/// other.
void FleetLog::go_back(std::size_t crew, StreamPosition last) {
  State& state = *states_[crew];
  log_event(spdlog::level::warn, "fleet-purges-lost",
            "fleet: the engine has lost the last purges of credential {}: they are told again",
            crews_[crew]->name)
      .with("credential", crews_[crew]->name)
      .log();
  std::vector<caching::Purge> lost = state.history.go_back_to(last);
  // If the lost purges are not known any more, they may have selected anything.
  if (lost.empty() || lost.size() > most_told_again)
    lost.assign(1, caching::Purge{caching::Everything{}, caching::PurgeKind::soft});
  for (caching::Purge& purge : lost) state.untold.add(std::move(purge));
  const StreamPosition heard = state.history.heard();
  for (auto& [position, purge] : state.due) position = std::min(position, heard);
  state.done = std::min(state.done, heard);
  state.contiguous = std::min(state.contiguous, heard);
  state.purges_read = std::min(state.purges_read, heard);
  write_note(crew);
}

/// @return its position; empty if the engine cannot be reached, or answers no position
asio::awaitable<std::string> FleetLog::announce(std::size_t crew, std::string octets) {
  const Crew& c = *crews_[crew];
  std::string sealed = c.purges.seal(octets, std::string(purge_bound) + c.prefix);
  const auto reply = co_await engine_.run(purge_script, words(c.purges_key),
                                          words(std::move(sealed), std::string(kept_purges)));
  if (!reply || StreamPosition::of(reply->text) == StreamPosition()) co_return std::string();
  co_return reply->text;
}

/// Tells the others of one of the purges that they have not been told of.
/// @return as announce()
asio::awaitable<std::string> FleetLog::announce_one(std::size_t crew, std::uint64_t number) {
  UntoldPurges& untold = states_[crew]->untold;
  const UntoldPurges::Telling telling(untold, number);
  std::string position = co_await announce(crew, telling.octets());
  if (!position.empty()) untold.remove(number);
  co_return position;
}

/// Tells the others of the purges that they have not been told of.
/// @return whether all are told
asio::awaitable<bool> FleetLog::announce_untold(std::size_t crew) {
  State& state = *states_[crew];
  if (state.untold.empty()) co_return true;
  if (std::exchange(state.announcing, true)) co_return false;
  struct Announcing {
    bool& announcing;
    ~Announcing() { announcing = false; }
  };
  const Announcing announcing{state.announcing};
  const std::size_t before = state.untold.all().size();
  while (const std::uint64_t number = state.untold.next()) {
    const std::string position = co_await announce_one(crew, number);
    if (position.empty()) break;
  }
  if (state.untold.all().size() != before) write_note(crew);
  co_return state.untold.empty();
}

asio::awaitable<Confirmed> FleetLog::tell(caching::Purge purge) {
  std::vector<std::string> positions;
  bool told = true;
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    UntoldPurges& untold = states_[i]->untold;
    // Added before the others are told, so that what they have fetched does not come back meanwhile.
    const std::uint64_t number = untold.add(purge);
    std::string position = co_await announce_one(i, number);
    if (position.empty()) {
      told = false;
      co_await keep_note(i);
    }
    positions.push_back(std::move(position));
  }
  if (!told) co_return here_alone();
  co_return co_await confirmed(std::move(positions));
}

/// There may be others: an instance that is alone cannot know that it is the only one.
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
    pause.expires_at(clock_.steady_now() + wait);
    co_await pause.async_wait(as_result);
    wait = std::min(wait * 2, milliseconds{50});
    all = {.confirmed = std::numeric_limits<std::uint64_t>::max(), .instances = 1};
    for (std::size_t i = 0; i < crews_.size(); ++i) {
      const auto reply = co_await engine_.run(
          confirmed_script, words(crews_[i]->members_key, crews_[i]->confirmed_key, crews_[i]->purges_key),
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
