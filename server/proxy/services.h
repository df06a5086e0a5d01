#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "core/http/cache_status.h"
#include "core/time.h"
#include "server/http/message.h"
#include "server/proxy/account_zones.h"
#include "server/proxy/disk_lookups.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/proxy/formats/kept_conversions.h"
#include "server/runtime.h"
#include "server/upstream/upstream.h"
#include "storage/body_account.h"
#include "storage/tiered_store.h"

namespace roktcached::proxy {

/// The objects that all handlers share. All of them outlive the handlers, and are safe from any thread as
/// they are used there. What follows from the settings is not among them: each request has its own, see
/// http::Request::runtime.
struct Services {
  storage::TieredStore& store;
  DiskLookups& disk;  ///< of the store, where it may block
  FetchTable& fetches;
  upstream::Upstream& upstream;  ///< for routes that are not cached
  boost::asio::any_io_executor upstream_executor;
  storage::BodyAccount& bodies;
  const Clock& clock;
  KeptConversions& conversions;
  AccountZones& zones;
};

/// The place of the credential that a request goes out with: the first that lists its account or lists none.
/// For a route without an account: the first that lists none, else the first of all.
/// @return account_not_allowed if every credential lists others
[[nodiscard]] Result<std::size_t> credential_of(const Runtime& runtime, std::string_view account_id);

/// Ends what an http route stores for `target` (origin-form), under every credential, where one stores it.
/// Resumes on the caller's executor.
/// @param runtime  outlives that
[[nodiscard]] boost::asio::awaitable<void> invalidate(const Services& services, const Runtime& runtime,
                                                      const std::string& target);

/// The reason by which a request that goes upstream is counted.
[[nodiscard]] counters::Reason reason_of(http::Forward forward);

/// Finds the response that is stored for `key`. A store that fails, or takes too long, is a miss. If there is
/// no room in memory for the response, it waits for room while slow clients give way. Small answers that can
/// be read without waiting are read here, since another thread costs them more than the row does. The rest
/// goes to a thread that may wait for the disk. Resumes on the caller's executor.
[[nodiscard]] boost::asio::awaitable<LookedUp> look_up(const Services& services, const caching::Key& key,
                                                       WallTime now);
/// The same, for a key of which the store cannot tell at once.
[[nodiscard]] boost::asio::awaitable<LookedUp> look_up_on_disk(const Services& services,
                                                               const caching::Key& key, WallTime now);

/// The answer if look_up has found no room.
[[nodiscard]] http::Answer no_room_answer(const http::Request& request);

}  // namespace roktcached::proxy
