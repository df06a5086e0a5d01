#include "server/proxy/services.h"

#include "config/credentials.h"
#include "core/caching/variants.h"
#include "core/http/target.h"
#include "server/asio.h"
#include "server/http/problem.h"
#include "server/room.h"

namespace roktcached::proxy {

Result<std::size_t> credential_of(const Runtime& runtime, std::string_view account_id) {
  const auto credential = config::credential_for(runtime.settings.credentials, account_id);
  if (credential) return *credential;
  if (account_id.empty()) return std::size_t{0};
  return Error{.code = ErrorCode::account_not_allowed,
               .context = "account " + std::string(account_id) + ": no [[credential]] lists it"};
}

asio::awaitable<void> invalidate(const Services& services, const Runtime& runtime,
                                 const std::string& target) {
  const auto parsed = http::parse_target(target);
  if (!parsed) co_return;
  const auto match = runtime.routes.match("GET", parsed->path);
  if (!match || match->route->route_class != rokt::RouteClass::http) co_return;
  std::vector<caching::Key> keys;
  for (const auto& credential : runtime.settings.credentials)
    keys.push_back(caching::http_key(credential.name, target));
  co_await services.fetches.invalidate(std::move(keys), runtime.lasting_name(*match->route));
}

counters::Reason reason_of(http::Forward forward) {
  switch (forward) {
    case http::Forward::request:
      return counters::Reason::forced;
    case http::Forward::stale:
      return counters::Reason::stale;
    case http::Forward::bypass:
      return counters::Reason::passed;
    case http::Forward::none:
    case http::Forward::miss:
      break;
  }
  return counters::Reason::miss;
}

asio::awaitable<LookedUp> look_up(const Services& services, const caching::Key& key, WallTime now) {
  if (auto known = services.store.find_at_once(key, now)) co_return LookedUp{std::move(*known)};
  LookedUp found = co_await look_up_on_disk(services, key, now);
  co_return found;
}

asio::awaitable<LookedUp> look_up_on_disk(const Services& services, const caching::Key& key, WallTime now) {
  LookedUp found = co_await services.disk.find(key, now);
  for (int waits = 0; waits < waits_for_way_max && found.soon; ++waits) {
    co_await wait_for_way();
    found = co_await services.disk.find(key, now);
  }
  co_return found;
}

http::Answer no_room_answer(const http::Request& request) {
  return problem(no_room(), request.id, std::chrono::seconds{1});
}

}  // namespace roktcached::proxy
