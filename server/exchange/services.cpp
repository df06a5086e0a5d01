#include "server/exchange/services.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>

#include "config/credentials.h"
#include "server/asio.h"
#include "server/exchange/compression.h"

namespace roktcached::exchange {

using caching::StoredResponsePtr;

std::size_t general_credential(const Services& services) {
  return config::credential_for(services.settings.credentials, {}).value_or(0);
}

upstream::Reason reason_of(http::Forward forward) {
  switch (forward) {
    case http::Forward::request:
      return upstream::Reason::forced;
    case http::Forward::stale:
      return upstream::Reason::stale;
    case http::Forward::bypass:
      return upstream::Reason::passed;
    case http::Forward::none:
    case http::Forward::miss:
      break;
  }
  return upstream::Reason::miss;
}

asio::awaitable<StoredResponsePtr> look_up(const Services& services, const caching::Key& key, WallTime now,
                                           Forms forms) {
  if (auto found = services.store.find_in_memory(key, now)) co_return found;
  if (!services.store.has_disk()) co_return nullptr;
  const auto from_disk = [&store = services.store, key, now,
                          forms]() -> asio::awaitable<Result<StoredResponsePtr>> {
    auto found = store.find(key, now);
    if (found && *found && forms == Forms::with_gzip) found = with_gzip(*found);
    co_return found;
  };
  const auto found = co_await asio::co_spawn(services.readers, from_disk(), asio::use_awaitable);
  if (found) co_return *found;
  spdlog::warn("cache: {}", found.error().context);
  co_return nullptr;
}

}  // namespace roktcached::exchange
