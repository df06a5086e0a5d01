// FleetLog: who is there, and the streams of the engine that it follows.

#include "server/fleet/fleet_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <limits>
#include <optional>
#include <random>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/fleet_budget.h"
#include "server/fleet/shared_answer.h"
#include "server/log_event.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds until_shown_again{400};
constexpr std::chrono::minutes forgotten_after{5};
/// So often an instance is shown until its note is written again: a row that is never used is evicted first.
constexpr std::uint64_t noted_again_after = 1000;
constexpr milliseconds longest_block{500};
constexpr milliseconds pause_after_nothing{10};
constexpr milliseconds patience_beyond_block{1000};
constexpr std::string_view events_at_once = "256";
constexpr std::size_t longest_epoch = 64;
constexpr std::int64_t most_members = 10'000;

/// How many members the engine says there are: this one is there.
std::uint64_t members_at(const EngineReply& reply, std::size_t index) {
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(reply.number_at(index), 1, most_members));
}

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

std::string_view LogEntry::operator[](std::string_view name) const {
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    if (fields.items[i].text == name) return fields.items[i + 1].text;
  }
  return {};
}

FleetLog::FleetLog(const asio::any_io_executor& executor, asio::any_io_executor purger, Engine& engine,
                   const std::vector<std::unique_ptr<Crew>>& crews, storage::ResponseStore& store,
                   Purge purge, std::string name, const Clock& clock)
    : executor_(executor),
      purger_(std::move(purger)),
      engine_(engine),
      crews_(crews),
      store_(store),
      purge_(std::move(purge)),
      name_(std::move(name)),
      clock_(clock),
      hearing_(executor) {
  for (std::size_t i = 0; i < crews_.size(); ++i) states_.push_back(std::make_unique<State>());
}

void FleetLog::start(Take take) {
  take_ = std::move(take);
}

void FleetLog::stop() {
  stopped_ = true;
  ++link_;
  hearing_.wake();
}

/// Whoever is alone forgets nothing: it goes on with the members that it knew.
void FleetLog::linked() {
  const std::uint64_t link = ++link_;
  hearing_.wake();
  if (!engine_.together() || stopped_) return;
  // Whoever does not hear of purges any more is not together: it links anew, and catches up.
  const auto at_end = [this, link](bool has_failed) {
    if (has_failed) post_with_retry(executor_, [this, link] { lose(link); });
  };
  spawn_watched(executor_, keep_shown(link), "showing this instance to the fleet", at_end);
  spawn_watched(executor_, follow_streams(link), "following the fleet's log", at_end);
}

void FleetLog::lose(std::uint64_t link) {
  retry_until_done("leaving an engine", [&] {
    if (link == link_) engine_.lose("what it tells cannot be followed: an operation has failed here");
  });
}

asio::awaitable<bool> FleetLog::greet() {
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    co_await read_stored(i);
    const bool shown = co_await show(i);
    if (!shown) co_return false;
    const bool told = co_await announce_untold(i);
    if (!told) co_return false;
    const bool caught_up = co_await catch_up(i);
    if (!caught_up) co_return false;
  }
  co_return true;
}

/// @param leaves  "1": it is no more
asio::awaitable<Result<EngineReply>> FleetLog::run_member(std::size_t crew, std::string leaves) {
  const Crew& c = *crews_[crew];
  return engine_.run(member_script,
                     words(c.members_key, c.confirmed_key, c.epoch_key, c.purges_key, c.log_key),
                     words(name_, random_id(), std::to_string(FleetBudget::presence.count()),
                           std::to_string(milliseconds(forgotten_after).count()),
                           states_[crew]->shown_as_done().text(), std::move(leaves)));
}

asio::awaitable<void> FleetLog::leave() {
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    const auto left = co_await run_member(i, "1");
    if (!left) co_return;
  }
}

/// A member shows itself, and hears of a new epoch, of purges that it has missed, or of an engine that knows
/// no purge as late as those that it has told of before.
///
/// The stream has the last thousand purges. If this process stood still while more were told, it goes on
/// behind the gap, and cannot see it there.
asio::awaitable<bool> FleetLog::show(std::size_t crew) {
  if (stopped_) co_return false;  // it has left, or is about to
  State& state = *states_[crew];
  // Read before the engine is asked: later events may come before its answer.
  const StreamPosition furthest = state.furthest();
  const StreamPosition heard = state.history.heard();
  const StreamPosition log_read = state.log_read;
  const auto reply = co_await run_member(crew, "0");
  if (!reply || reply->items.size() < 7) co_return false;
  skew_ = milliseconds{reply->number_at(1) - unix_ms(clock_.wall_now())};
  const StreamPosition last = StreamPosition::of(reply->text_at(4));
  const StreamPosition last_of_log = StreamPosition::of(reply->text_at(5));
  // Forgotten purges came before the last one.
  const StreamPosition told_forgotten = StreamPosition::of(reply->text_at(6));
  const StreamPosition forgotten = told_forgotten <= last ? told_forgotten : StreamPosition();
  const std::string epoch(reply->text_at(0).substr(0, longest_epoch));
  const bool is_anew = epoch != state.epoch;
  take_members(state, {members_at(*reply, 2), members_at(*reply, 3)}, is_anew);
  if (is_anew || state.contiguous < forgotten) {
    if (!state.epoch.empty() || state.known)
      log_event(spdlog::level::warn, "fleet-epoch",
                "fleet: the engine no longer knows which purges there were: everything of credential {} is "
                "stale here",
                crews_[crew]->name)
          .with("credential", crews_[crew]->name)
          .log();
    state.all_stale_due = true;
    if (is_anew) begin_anew(crew, epoch);
    state.done = std::max(state.done, forgotten);
    purge_what_is_due(crew);
  }
  // The stream had forgotten no more than that when it told what this instance had heard before it asked.
  state.contiguous = std::max({state.contiguous, forgotten, std::min(heard, state.history.heard())});
  if (is_anew || log_read > last_of_log) state.log_read = std::min(state.log_read, last_of_log);
  state.known = true;
  state.history.forget_until(forgotten);
  // Another has gone back meanwhile, perhaps.
  if (is_anew || furthest <= last || state.furthest() <= last) co_return true;
  go_back(crew, last);
  const auto corrected = co_await run_member(crew, "0");
  co_return corrected.has_value();
}

/// An engine that has lost what it knew knows only the instances that have shown themselves since. The others
/// are expected back, and a purge is not confirmed by all without them.
void FleetLog::take_members(State& state, const Members& members, bool lost) const {
  if (lost) {
    state.known_before = std::max(expected_back(state), state.members.known);
    state.back_until = clock_.steady_now() + forgotten_after;
  }
  state.members = members;
  if (members.known >= state.known_before) state.known_before = 0;
}

/// How many members there are at least, as far as this instance remembers.
std::uint64_t FleetLog::expected_back(const State& state) const {
  const bool still = state.known_before > 0 && clock_.steady_now() < state.back_until;
  return still ? state.known_before : 1;
}

/// Reads the purges since this instance was last there; of the log only what comes from now on.
asio::awaitable<bool> FleetLog::catch_up(std::size_t crew) {
  State& state = *states_[crew];
  const auto reply =
      co_await engine_.follow(words("XRANGE", crews_[crew]->purges_key, "-", "+"), patience_beyond_block);
  const auto last = co_await engine_.follow(words("XREVRANGE", crews_[crew]->log_key, "+", "-", "COUNT", "1"),
                                            patience_beyond_block);
  if (!reply || !last) co_return false;
  for (const EngineReply& event : reply->items) take_purge(crew, event);
  if (!last->items.empty()) state.log_read = StreamPosition::of(last->items.front().text_at(0));
  state.purges_read = state.history.heard();
  co_return true;
}

asio::awaitable<void> FleetLog::keep_shown(std::uint64_t link) {
  asio::steady_timer pause(executor_);
  for (std::uint64_t shown_times = 1; link == link_; ++shown_times) {
    for (std::size_t i = 0; i < crews_.size() && link == link_; ++i) {
      const bool shown = co_await show(i);
      if (shown) {  // else the engine says itself that it is away
        co_await read_stored(i);
        const bool told = co_await announce_untold(i);
        static_cast<void>(told);  // else it is tried again
      }
      if (shown_times % noted_again_after == 0) write_note(i);
    }
    pause.expires_at(clock_.steady_now() + until_shown_again);
    co_await pause.async_wait(as_result);
  }
}

asio::awaitable<void> FleetLog::follow_streams(std::uint64_t link) {
  asio::steady_timer pause(executor_);
  while (link == link_) {
    Words words{
        "XREAD",  "COUNT", std::string(events_at_once), "BLOCK", std::to_string(longest_block.count()),
        "STREAMS"};
    for (const auto& crew : crews_) {
      words.push_back(crew->log_key);
      words.push_back(crew->purges_key);
    }
    for (const auto& state : states_) {
      words.push_back(state->log_read.text());
      words.push_back(state->purges_read.text());
    }
    const auto reply = co_await engine_.follow(std::move(words), longest_block + patience_beyond_block);
    if (!reply || link != link_) co_return;
    if (take_streams(*reply)) continue;
    // The engine has waited for something to tell; one that has not is not asked without a pause.
    pause.expires_at(clock_.steady_now() + pause_after_nothing);
    co_await pause.async_wait(as_result);
  }
}

bool FleetLog::take_streams(const EngineReply& reply) {
  bool taken = false;
  for (const EngineReply& stream : reply.items) {
    if (stream.items.size() != 2) continue;
    const std::string& key = stream.items[0].text;
    for (std::size_t i = 0; i < crews_.size(); ++i) {
      for (const EngineReply& event : stream.items[1].items) {
        if (event.items.size() != 2) continue;
        taken = true;
        if (key == crews_[i]->purges_key) {
          take_purge(i, event);
          states_[i]->purges_read = StreamPosition::of(event.text_at(0));
        } else if (key == crews_[i]->log_key) {
          states_[i]->log_read = StreamPosition::of(event.text_at(0));
          take_(i, LogEntry{event.items[1]});
        }
      }
    }
  }
  hearing_.wake();
  return taken;
}

asio::awaitable<bool> FleetLog::hear(std::size_t crew, StreamPosition position, upstream::Turn& turn) {
  const SteadyTime until = clock_.steady_now() + engine_.control_timeout();
  const PurgeHistory& history = states_[crew]->history;
  while (history.heard() < position && engine_.usable() && !turn.unwanted() && clock_.steady_now() < until)
    co_await hearing_.wait(turn, until);
  co_return history.heard() >= position;
}

}  // namespace roktcached::fleet
