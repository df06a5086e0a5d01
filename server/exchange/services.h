#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "config/settings.h"
#include "core/caching/policies.h"
#include "core/http/cache_status.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/exchange/flights.h"
#include "server/upstream/upstream.h"
#include "storage/tiered_store.h"

namespace roktcached::exchange {

/// What every exchange shares; all of it outlives them and is safe from any thread as it is used there.
struct Services {
  const config::Settings& settings;
  const caching::FreshnessPolicies& policies;
  const rokt::RouteTable& routes;
  storage::TieredStore& store;
  boost::asio::any_io_executor readers;  ///< where the store may block on the disk
  Flights& flights;
  upstream::Upstream& upstream;  ///< for routes that are not cached
  boost::asio::any_io_executor desk;
  const Clock& clock;
};

/// The place of the credential that a request goes out with: the first that lists its account or lists none;
/// where it has no account, the first that lists none, or the first of all.
/// @return account_not_allowed where every credential lists others
[[nodiscard]] Result<std::size_t> credential_of(const Services& services, std::string_view account_id);

/// Ends what an http route stores for `target` (origin-form), under every credential, where one stores it.
/// Resumes on the caller's executor.
[[nodiscard]] boost::asio::awaitable<void> invalidate(const Services& services, const std::string& target);

/// What a request that goes upstream for this reason is accounted as.
[[nodiscard]] upstream::Reason reason_of(http::Forward forward);

/// What is stored for `key`, or null; a store that fails is a miss, and is logged. What can be read without
/// waiting is read here: a thread more costs a small answer more than its row does. The rest goes to a thread
/// that may wait for the disk. Resumes on the caller's executor.
[[nodiscard]] boost::asio::awaitable<caching::StoredResponsePtr> look_up(const Services& services,
                                                                         const caching::Key& key,
                                                                         WallTime now);
/// The same, of what the store cannot tell at once.
[[nodiscard]] boost::asio::awaitable<caching::StoredResponsePtr> look_up_on_disk(const Services& services,
                                                                                 const caching::Key& key,
                                                                                 WallTime now);

}  // namespace roktcached::exchange
