// GET /entries: what is stored, and who has asked for it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>

#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/entries.h"
#include "server/admin/report_asks.h"
#include "server/http/problem.h"

namespace roktcached::admin {

namespace asio = boost::asio;
namespace json = boost::json;

using Entries = std::vector<storage::EntrySummary>;

asio::awaitable<http::Answer> Admin::entries(const http::Request& request, std::string_view query) const {
  const auto wanted = parse_entries(query);
  if (!wanted) co_return problem(wanted.error(), request.id);
  const auto answer_of = [&](const Result<Entries>& found) {
    return found ? with_json(entries_json(*found)) : problem(found.error(), request.id, retry_after_failure);
  };
  if (wanted->hottest) {
    const auto found = co_await list_hottest(wanted->listing.limit);
    co_return answer_of(found);
  }
  const auto found = co_await list(wanted->listing);
  co_return answer_of(found);
}

/// {"entries":[...]}, one object an entry, with who has asked for it.
json::object Admin::entries_json(const Entries& entries) const {
  const WallTime now = sources_.clock.wall_now();
  const SteadyTime steady_now = sources_.clock.steady_now();
  json::array list;
  for (const storage::EntrySummary& entry : entries) {
    json::object object = entry_json(entry, sources_.runtime->policies, now);
    add_asks(object, asks_of(sources_.client_stats, entry.key.hash(), steady_now), now);
    list.push_back(std::move(object));
  }
  return json::object{{"entries", std::move(list)}};
}

/// Lists on the purger, which may wait for the disk. It flushes first, so that the last puts are in the list.
asio::awaitable<Result<Entries>> Admin::list(storage::Listing wanted) const {
  const auto on_purger = [&store = sources_.store,
                          wanted = std::move(wanted)]() -> asio::awaitable<Result<Entries>> {
    store.flush();
    co_return store.list(wanted);
  };
  co_return co_await asio::co_spawn(sources_.purger, on_purger(), asio::use_awaitable);
}

/// The reports that were asked for most since the start, if they are stored.
asio::awaitable<Result<Entries>> Admin::list_hottest(std::size_t limit) const {
  const auto on_purger = [&store = sources_.store, keys = hottest(sources_.client_stats),
                          limit]() -> asio::awaitable<Result<Entries>> {
    store.flush();
    Entries entries;
    for (const caching::KeyHash& key : keys) {
      if (entries.size() == limit) break;
      storage::Listing one;
      one.selection = caching::WithKey{key};
      auto found = store.list(one);
      if (!found) co_return found.error();
      std::ranges::move(*found, std::back_inserter(entries));
    }
    co_return entries;
  };
  co_return co_await asio::co_spawn(sources_.purger, on_purger(), asio::use_awaitable);
}

}  // namespace roktcached::admin
