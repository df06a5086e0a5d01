#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine.h"
#include "server/fleet/fleet_log.h"
#include "server/proxy/fetch/shared_fetches.h"
#include "storage/body_account.h"

namespace roktcached::fleet {

/// Counts of what sharing has saved, and of what it has cost. Belongs to the upstream thread.
struct FlightCounts {
  std::uint64_t led = 0;      ///< fetches that were this instance's to make
  std::uint64_t taken = 0;    ///< answers found in the engine
  std::uint64_t waited = 0;   ///< answers that another instance was fetching
  std::uint64_t failed = 0;   ///< failures shared
  std::uint64_t alone = 0;    ///< fetches made without asking the others
  std::uint64_t landed = 0;   ///< answers given to the others
  std::uint64_t refused = 0;  ///< answers of the engine's that could not be opened, or are purged
};

/// One upstream call for each key, for all instances: an answer is taken from the engine, waited for, or
/// fetched here under a lease with a fence (scripts/flight.lua, land.lua, tell.lua). Not the lease but the
/// fence decides: an answer that comes after its lease was lost changes nothing. Belongs to the upstream
/// thread.
class FleetFlights final : public proxy::SharedFetches {
 public:
  /// @param helpers  where what is large is sealed, on another thread
  /// @param owner    names this process among all owners of leases
  /// @param max_body bytes of a body
  /// @param bodies   counts those that are taken from others
  /// All references outlive it.
  FleetFlights(boost::asio::any_io_executor executor, boost::asio::any_io_executor helpers, Engine& engine,
               FleetLog& log, const std::vector<std::unique_ptr<Crew>>& crews, std::string owner,
               std::size_t max_body, storage::BodyAccount& bodies, const Clock& clock);

  [[nodiscard]] boost::asio::awaitable<Joined> join(const proxy::FetchRequest& request,
                                                    upstream::Turn& turn) override;

  /// Something has happened to a flight, as the log tells.
  void take(std::size_t crew, const LogEntry& event);
  /// The engine has been reached, or lost: fetches that were begun alone join the others.
  void linked();
  void stop();

  [[nodiscard]] const FlightCounts& counts() const { return counts_; }

 private:
  class OwnFlight;
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  /// An answer as the engine or the log has it.
  struct Sealed {
    std::string fence = {};
    std::string fetched = {};  // when, ms
    std::string fresh = {};    // until then, ms; of one that is not stored: why not
    std::string begun = {};    // the last purge when its fetch began
    std::string text = {};
  };
  /// A request that waits for news of its key from the log.
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    WallTime since;      // when it began
    std::string flying;  // the fence of the flight that it waits for; empty: not known yet
    std::string kind;    // of the event; empty: none has come
    Sealed sealed;
  };
  boost::asio::awaitable<Joined> join_others(const proxy::FetchRequest& request, upstream::Turn& turn,
                                             FlightPtr flight);
  boost::asio::awaitable<Joined> lead(const proxy::FetchRequest& request, FlightPtr flight,
                                      const EngineReply& reply);
  [[nodiscard]] boost::asio::awaitable<proxy::FetchOutcomePtr> take_entry(const proxy::FetchRequest& request,
                                                                          Flight& flight);
  [[nodiscard]] boost::asio::awaitable<caching::StoredResponsePtr> read_entry(
      const proxy::FetchRequest& request, Flight& flight);
  [[nodiscard]] boost::asio::awaitable<proxy::FetchOutcomePtr> told(const proxy::FetchRequest& request,
                                                                    const Flight& flight, Waiting& waiting);
  /// Runs flight.lua.
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> ask(const Flight& flight, Words arguments);
  boost::asio::awaitable<void> wait(Waiting& waiting, upstream::Turn& turn, std::chrono::milliseconds left);
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> open(const Flight& flight,
                                                                        std::string_view kind, Sealed sealed);
  [[nodiscard]] caching::StoredResponsePtr usable(const proxy::FetchRequest& request, const Flight& flight,
                                                  const std::string& text, const Sealed& sealed);
  [[nodiscard]] std::unique_ptr<Duty> fetch_alone(FlightPtr flight);
  boost::asio::awaitable<void> adopt(FlightPtr flight);
  boost::asio::awaitable<void> keep(FlightPtr flight);
  boost::asio::awaitable<void> land(FlightPtr flight, proxy::FetchOutcomePtr outcome);
  boost::asio::awaitable<void> tell(FlightPtr flight, std::string kind, std::string text, Sealed sealed);
  [[nodiscard]] Words flight_arguments(const Flight& flight, bool takes_stored, bool urgent) const;

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor helpers_;
  Engine& engine_;
  FleetLog& log_;
  const std::vector<std::unique_ptr<Crew>>& crews_;
  const std::string owner_;
  const std::size_t max_body_;
  storage::BodyAccount& bodies_;
  const Clock& clock_;
  // By crew and name of the key. There may be two of one key, if one of them waits since before a purge.
  std::multimap<std::string, Waiting*> waiting_;
  std::set<FlightPtr> own_;  // fetched here
  FlightCounts counts_;
  bool stopped_ = false;
};

}  // namespace roktcached::fleet
