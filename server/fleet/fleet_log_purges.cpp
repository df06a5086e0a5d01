// Purges in a fleet: those of others are done here, and those of here are told to the others.

#include <fmt/format.h>

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
    if (!all && !state.due.empty() && state.due.front().first == position) {
      state.due.pop_front();
      state.done = std::max(state.done, position);
    }
    write_note(crew);
    if (!state.due.empty()) continue;
    const bool shown = co_await show(crew);
    static_cast<void>(shown);
  }
}

/// A key that no request has.
caching::Key FleetLog::key_of_note(std::size_t crew) const {
  const std::string& prefix = crews_[crew]->prefix;
  return caching::Key(fmt::format("{} {}fleet/{} LATEST", crews_[crew]->name, caching::note_mark,
                                  prefix.substr(0, prefix.find('}'))));
}

storage::StoredResponsePtr FleetLog::note(std::size_t crew) const {
  const State& state = *states_[crew];
  caching::StoredResponse made;
  made.key = key_of_note(crew);
  made.route = caching::Text("fleet");
  // What is still to be made stale is so at the next start, too.
  made.body = caching::share_body(written(
      state.all_stale_due || state.making_stale ? std::string() : state.epoch, state.done, state.untold));
  made.fetched_at = clock_.wall_now();
  made.fresh_until = made.usable_until = made.fetched_at + std::chrono::days{3650};
  return caching::share(std::move(made));
}

/// Before anything is written in its place.
asio::awaitable<void> FleetLog::read_stored(std::size_t crew) {
  State& state = *states_[crew];
  if (state.read) co_return;
  Result<storage::StoredResponsePtr> found = storage::StoredResponsePtr();
  const auto work = [&, key = key_of_note(crew)] { found = store_.find(key, clock_.wall_now()); };
  co_await run_on(purger_, work);
  if (std::exchange(state.read, true) || !found || !*found) co_return;  // another one may have read it
  auto note = read_note(*(*found)->body);
  if (!note) co_return;
  state.epoch = std::move(note->epoch);
  state.done = note->done;
  state.untold.add_first(std::move(note->untold));
}

/// @return its position; empty where the engine is not to be had, or says no such thing
asio::awaitable<std::string> FleetLog::announce(std::size_t crew, std::string octets) {
  const Crew& c = *crews_[crew];
  std::string sealed = c.purges.seal(octets, std::string(purge_bound) + c.prefix);
  const auto reply = co_await engine_.run(purge_script, words(c.purges_key),
                                          words(std::move(sealed), std::string(kept_purges)));
  co_return reply&& StreamPosition::of(reply->text) != StreamPosition() ? reply->text : std::string();
}

/// What was purged here while this instance was alone is not to come back from the engine.
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
  while (!state.untold.empty()) {
    const std::uint64_t number = state.untold.first().number;
    const std::string position = co_await announce(crew, state.untold.first().octets);
    if (position.empty()) break;
    state.untold.remove(number);
  }
  if (state.untold.all().size() != before) write_note(crew);
  co_return state.untold.empty();
}

/// Whatever happens to this process, it is told sometime: it is in the cache file when this returns.
asio::awaitable<void> FleetLog::keep_untold(std::size_t crew, caching::Purge purge) {
  co_await read_stored(crew);
  states_[crew]->untold.add(std::move(purge));
  const auto work = [this, kept = note(crew)] {
    store_.put(kept);
    store_.flush();
  };
  co_await run_on(purger_, work);
}

asio::awaitable<Confirmed> FleetLog::tell(caching::Purge purge) {
  std::vector<std::string> positions;
  bool told = true;
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    positions.push_back(co_await announce(i, written(purge)));
    if (!positions.back().empty()) continue;
    told = false;
    co_await keep_untold(i, purge);
  }
  if (!told) co_return Confirmed{1, states_.front()->members.known};
  co_return co_await confirmation(std::move(positions));
}

/// @param positions  of the purge, for each crew
asio::awaitable<Confirmed> FleetLog::confirmation(std::vector<std::string> positions) {
  const SteadyTime until = clock_.steady_now() + longest_confirmation;
  asio::steady_timer pause(executor_);
  milliseconds wait{2};
  Confirmed confirmed;
  do {
    pause.expires_at(clock_.steady_now() + wait);
    co_await pause.async_wait(as_result);
    wait = std::min(wait * 2, milliseconds{50});
    confirmed = {.confirmed = std::numeric_limits<std::uint64_t>::max(), .instances = 1};
    for (std::size_t i = 0; i < crews_.size(); ++i) {
      const auto reply = co_await engine_.run(
          confirmed_script, words(crews_[i]->members_key, crews_[i]->confirmed_key, crews_[i]->purges_key),
          words(positions[i], std::to_string(FleetBudget::presence.count())));
      if (!reply) co_return Confirmed{1, std::max(states_[i]->members.known, std::uint64_t{1})};
      const auto done = static_cast<std::uint64_t>(std::max<std::int64_t>(reply->number_at(1), 0));
      const auto all =
          static_cast<std::uint64_t>(std::max<std::int64_t>(reply->number_at(0) + reply->number_at(2), 1));
      confirmed.confirmed = std::min(confirmed.confirmed, done);
      confirmed.instances = std::max(confirmed.instances, all);
    }
  } while (confirmed.confirmed < confirmed.instances && clock_.steady_now() < until);
  co_return confirmed;
}

}  // namespace roktcached::fleet
