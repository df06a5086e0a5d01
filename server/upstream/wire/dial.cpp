#include "server/upstream/wire/dial.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "server/asio.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

using tcp = asio::ip::tcp;

namespace {

/// The attempts that are under way. Shared by their handlers, which may come when all is over.
struct Race : std::enable_shared_from_this<Race> {
  explicit Race(const asio::any_io_executor& on) : executor(on), changed(on) {}

  void begin(const tcp::endpoint& endpoint) {
    auto socket = std::make_shared<tcp::socket>(executor);
    runners.push_back(socket);
    next_at = std::chrono::steady_clock::now() + head_start;
    socket->async_connect(
        endpoint, [self = shared_from_this(), socket](const auto& error) { self->ended(*socket, error); });
    ++under_way;
  }

  void ended(tcp::socket& socket, const boost::system::error_code& error) {
    --under_way;
    if (over) return;
    if (error) {
      last_error = error;
      next_at = SteadyTime::min();
    } else if (!winner) {
      winner = std::move(socket);
    }
    changed.cancel();
  }

  void end() {
    over = true;
    boost::system::error_code ignored;
    for (const auto& socket : runners) socket->close(ignored);
  }

  asio::any_io_executor executor;
  asio::steady_timer changed;  // cancelled when an attempt has ended
  std::vector<std::shared_ptr<tcp::socket>> runners;
  std::size_t under_way = 0;
  SteadyTime next_at = SteadyTime::min();
  std::optional<tcp::socket> winner;
  boost::system::error_code last_error = asio::error::host_not_found;
  bool over = false;
};

}  // namespace

Endpoints alternating(const Endpoints& endpoints) {
  Endpoints others;
  Endpoints ordered;
  for (const auto& endpoint : endpoints) {
    const bool first_family = endpoint.protocol() == endpoints.front().protocol();
    (first_family ? ordered : others).push_back(endpoint);
  }
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::size_t place = std::min(2 * i + 1, ordered.size());
    ordered.insert(ordered.begin() + static_cast<std::ptrdiff_t>(place), others[i]);
  }
  return ordered;
}

asio::awaitable<Result<tcp::socket>> dial(asio::any_io_executor executor, Endpoints endpoints, SteadyTime due,
                                          Turn* turn) {
  endpoints = alternating(endpoints);
  const auto race = std::make_shared<Race>(executor);
  auto end = [](Race* ended) { ended->end(); };
  const std::unique_ptr<Race, decltype(end)> until_here(race.get(), end);  // also where memory fails
  const Turn::Watch watch(turn, [&changed = race->changed] { changed.cancel(); });
  const auto is_waited_for = [turn] { return turn == nullptr || !turn->unwanted(); };
  for (std::size_t next = 0; !race->winner && is_waited_for();) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= due) break;
    const bool more = next < endpoints.size();
    if (more && (race->under_way == 0 || now >= race->next_at)) {
      race->begin(endpoints[next++]);
      continue;
    }
    if (race->under_way == 0) break;
    race->changed.expires_at(more ? std::min(due, race->next_at) : due);
    co_await race->changed.async_wait(as_result);
  }
  const bool timed_out = race->under_way > 0;
  race->end();
  if (!is_waited_for()) co_return nobody_waits();
  if (race->winner) co_return std::move(*race->winner);
  if (timed_out)
    co_return Error{ErrorCode::upstream_timeout, false, "connecting: timed out", ErrorSource::upstream};
  co_return Error{ErrorCode::upstream_unreachable, false, "connecting: " + race->last_error.message(),
                  ErrorSource::upstream};
}

}  // namespace roktcached::upstream
