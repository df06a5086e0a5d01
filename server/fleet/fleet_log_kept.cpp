// FleetLog: the note that outlives a restart of this instance, and how it goes on where the engine has lost
// purges.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/fleet/fleet_log.h"
#include "server/log_event.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

namespace {

/// The most lost purges that are told again one by one.
constexpr std::size_t most_told_again = 10;

}  // namespace

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
  // An instance that ends before it has made everything stale does so at its next start.
  made.body = caching::share_body(written(
      state.all_stale_due || state.making_stale ? std::string() : state.epoch, state.done, state.untold));
  made.fetched_at = clock_.wall_now();
  made.fresh_until = made.usable_until = made.fetched_at + std::chrono::days{3650};
  return caching::share(std::move(made));
}

bool FleetLog::store_fails() const {
  return std::ranges::any_of(store_.statistics(),
                             [](const storage::TierStatistics& tier) { return !tier.trouble.empty(); });
}

/// Before anything is written in its place. It is tried again where the store fails: what the others have not
/// been told of stands there, perhaps.
asio::awaitable<void> FleetLog::read_stored(std::size_t crew) {
  State& state = *states_[crew];
  if (state.read) co_return;
  Result<storage::StoredResponsePtr> found = storage::StoredResponsePtr();
  const auto work = [&, key = key_of_note(crew)] { found = store_.find(key, clock_.wall_now()); };
  co_await run_on(purger_, work);
  if (state.read || !found || (!*found && store_fails())) co_return;  // another one may have read it
  auto note = *found ? read_note(*(*found)->body) : std::nullopt;
  if (note) state.untold.add_first(note->untold);
  state.read = true;
  if (!note || state.known) co_return;  // the engine has said what counts
  state.epoch = std::move(note->epoch);
  state.done = note->done;
}

/// All purges that the engine knows are done here, one by one, and those that it knows no more, too.
void FleetLog::begin_anew(std::size_t crew, const std::string& epoch) {
  State& state = *states_[crew];
  state.epoch = epoch;
  state.history.begin_anew();
  state.purges_read = state.done = StreamPosition();
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
  state.purges_read = std::min(state.purges_read, heard);
  write_note(crew);
}

}  // namespace roktcached::fleet
