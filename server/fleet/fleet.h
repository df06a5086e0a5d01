#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/caching/selection.h"
#include "core/time.h"
#include "server/fleet/answer_location.h"
#include "server/fleet/engine_client.h"
#include "server/fleet/fleet_budget.h"
#include "server/fleet/fleet_flights.h"
#include "server/fleet/fleet_log.h"
#include "server/fleet/fleet_token.h"
#include "server/upstream/shared_credential.h"
#include "storage/response_store.h"

namespace roktcached::fleet {

/// A fleet as one instance sees it, for /status and /metrics.
struct FleetStatus {
  std::string engine;    ///< its address
  std::string instance;  ///< this one's name
  EngineStatus link;
  std::int64_t clock_skew_ms = 0;
  FlightCounts flights = {};
  std::uint64_t tokens_taken = 0;
  std::uint64_t members = 1;        ///< that are there, of the first credential
  std::uint64_t members_known = 1;  ///< and those that are away
  std::uint64_t purges_due = 0;     ///< that are known here and not done yet
};

/// Several instances with one credential and one limit, over Redis or Valkey: what they share, and the way
/// there. Hits never use it. Belongs to the upstream thread, unless a function says otherwise.
class Fleet {
 public:
  /// @param executor  of the upstream thread; `helpers` and `purger` as the daemon has them
  /// @param max_body  bytes of a body; `bodies` counts those that come from others
  /// @param store     of this instance
  /// @param purge     see FleetLog::Purge
  /// References outlive it.
  /// @throws std::runtime_error naming the setting whose file cannot be used
  Fleet(const boost::asio::any_io_executor& executor, const boost::asio::any_io_executor& helpers,
        const boost::asio::any_io_executor& purger, const config::Settings& settings, std::size_t max_body,
        storage::BodyAccount& bodies, storage::ResponseStore& store, FleetLog::Purge purge,
        const Clock& clock);

  void start();
  /// Leaves the fleet, and ends the links, within a fraction of a second, whatever the engine does.
  /// @param has_successor  another process goes on under the same settings; if it has the same name, the
  ///          member stays
  void stop(bool has_successor);
  /// Secrets may have changed: what is sealed with the former ones is still opened.
  void change(const std::vector<config::Credential>& credentials);

  /// One for each credential, in the order of the settings.
  [[nodiscard]] std::vector<upstream::SharedCredential> credentials();
  [[nodiscard]] FleetFlights& flights() { return flights_; }

  /// As FleetLog::tell. From any thread; resumes on the caller's executor.
  [[nodiscard]] boost::asio::awaitable<Confirmed> tell(caching::Purge purge);

  /// A write on an http route has ended what is stored for a target. The other instances end it, too.
  void end(const caching::Key& target);

  [[nodiscard]] FleetStatus status() const;

  /// As fleet::locate. From any thread; resumes on the caller's executor.
  [[nodiscard]] boost::asio::awaitable<AnswerLocation> locate(std::size_t credential, caching::Key key);

 private:
  struct Shared {
    Shared(const boost::asio::any_io_executor& executor, Engine& engine, const Crew& crew,
           const Members& members, std::uint64_t expected, const std::string& owner, const Clock& clock)
        : budget(executor, engine, crew, members, expected, owner, clock),
          token(executor, engine, crew, owner, clock) {}
    FleetBudget budget;
    FleetToken token;
  };

  boost::asio::awaitable<void> leave();
  boost::asio::awaitable<void> look_at_engine();
  void take(std::size_t crew, const LogEntry& event);
  void linked();

  const boost::asio::any_io_executor executor_;
  const Clock& clock_;
  const config::Fleet settings_;
  const std::string name_;   // of this instance
  const std::string owner_;  // of leases: no two processes have the same
  EngineClient engine_;
  std::vector<std::unique_ptr<Crew>> crews_;
  FleetLog log_;
  FleetFlights flights_;
  std::vector<std::unique_ptr<Shared>> shared_;
  bool looked_at_engine_ = false;
};

}  // namespace roktcached::fleet
