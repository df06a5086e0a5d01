// What a fleet's log has told this instance, and what of it outlives a restart.
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

/// That are told again one by one.
constexpr std::size_t most_told_again = 10;

}  // namespace

/// A key that no request has: its path is no route's.
caching::Key FleetLog::key_of_note(std::size_t crew) const {
  const std::string& prefix = crews_[crew]->prefix;
  return caching::Key(
      fmt::format("{} {}{} LATEST", crews_[crew]->name, path_of_notes, prefix.substr(0, prefix.find('}'))));
}

void FleetLog::note_done(std::size_t crew) {
  caching::StoredResponse note;
  note.key = key_of_note(crew);
  note.route = caching::Text("fleet");
  const State& state = *states_[crew];
  note.body = caching::share_body(state.epoch + ' ' + state.done.text() + state.untold.text());
  note.fetched_at = clock_.wall_now();
  note.fresh_until = note.usable_until = note.fetched_at + std::chrono::days{3650};
  store_.put(caching::share(std::move(note)));
}

asio::awaitable<void> FleetLog::read_stored(std::size_t crew) {
  Result<storage::StoredResponsePtr> found = storage::StoredResponsePtr();
  const auto work = [&, key = key_of_note(crew)] { found = store_.find(key, clock_.wall_now()); };
  co_await run_on(purger_, work);
  if (!found || !*found) co_return;
  const std::string& text = *(*found)->body;
  const auto space = text.find(' ');
  if (space == std::string::npos) co_return;
  State& state = *states_[crew];
  state.epoch = text.substr(0, space);
  const auto end = std::min(text.find('\n', space), text.size());
  state.done = StreamPosition::of(text.substr(space + 1, end - space - 1));
  state.untold.add_from(std::string_view(text).substr(end));
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
  // What nobody knows any more may have been anything.
  if (lost.empty() || lost.size() > most_told_again)
    lost.assign(1, caching::Purge{caching::Everything{}, caching::PurgeKind::soft});
  for (caching::Purge& purge : lost) state.untold.add(std::move(purge));
  for (auto& [position, purge] : state.due) position = std::min(position, last);
  state.done = std::min(state.done, last);
  state.purges_read = std::min(state.purges_read, last);
  note_done(crew);
}

}  // namespace roktcached::fleet
