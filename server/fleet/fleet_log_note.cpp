// FleetLog: the note of each crew, by which this instance goes on after a restart where it was.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/asio.h"
#include "server/fleet/fleet_log.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

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
  // An instance that ends before it has made everything stale, or before it knows that it has missed no
  // purge, does so, or looks again, at its next start.
  made.body =
      caching::share_body(written(state.all_stale_due || state.making_stale ? std::string() : state.epoch,
                                  std::min(state.done, state.contiguous), state.untold));
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
  state.done = state.contiguous = note->done;
}

/// Whatever happens to this process, it is told sometime: it is in the cache file when this returns.
asio::awaitable<void> FleetLog::keep_note(std::size_t crew) {
  co_await read_stored(crew);
  if (!states_[crew]->read) co_return;  // the file fails: it goes into it once it does not
  const auto work = [this, kept = note(crew)] {
    store_.put(kept);
    store_.flush();
  };
  co_await run_on(purger_, work);
}

}  // namespace roktcached::fleet
