#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "core/caching/key.h"
#include "core/time.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine_client.h"

namespace roktcached::fleet {

/// The place of an answer in a fleet, for people. The engine says so, and nothing depends on it.
struct AnswerLocation {
  enum class Fetched { not_now, here, elsewhere };

  bool together = false;                 ///< else the engine could not be asked, and the rest is unknown
  std::optional<WallTime> fetched_at;    ///< of the engine's entry; empty: it has none
  std::optional<WallTime> fresh_until;   ///< likewise
  Fetched under_way = Fetched::not_now;  ///< who fetches it now
};

/// Asks the engine for the entry and the flight of a key. On the upstream thread; the references outlive it.
/// @param owner  names this process among the owners of leases
/// @param now    of the engine's clock
[[nodiscard]] boost::asio::awaitable<AnswerLocation> locate(EngineClient& engine, const Crew& crew,
                                                            const caching::Key& key, const std::string& owner,
                                                            WallTime now);

/// The same of the engine's replies. Pure.
/// @param entry   of HMGET fetched fresh
/// @param flight  of HMGET owner until
/// @param now     of the engine's clock
[[nodiscard]] AnswerLocation location_of(const EngineReply& entry, const EngineReply& flight,
                                         const std::string& owner, WallTime now);

}  // namespace roktcached::fleet
