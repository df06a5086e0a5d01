#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "config/settings.h"
#include "core/caching/decision.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "server/exchange/counters.h"
#include "server/exchange/flights.h"
#include "server/inbound/message.h"
#include "server/upstream/upstream.h"
#include "storage/tiered_store.h"

namespace roktcached::exchange {

/// What every exchange shares; all of it outlives them and is safe from any thread as it is used there.
struct Services {
  const config::Settings& settings;
  const rokt::RouteTable& routes;
  storage::TieredStore& store;
  boost::asio::thread_pool& readers;  ///< where the store may block on the disk
  Flights& flights;
  upstream::Upstream& upstream;  ///< for routes that are not cached
  boost::asio::any_io_executor desk;
  const Clock& clock;
};

/// One request from lookup to answer: route, parameters, key, store, decision, flight. One object a hit
/// thread.
///
/// handle() is the one place with branches; what it calls has none that matter.
class Exchange final : public inbound::Handler {
 public:
  Exchange(const Services& services, Counters& counters) : services_(services), counters_(counters) {}

  [[nodiscard]] boost::asio::awaitable<inbound::Answer> handle(const inbound::Request& request) override;
  void finished(const inbound::Request& request, const inbound::Answer& answer,
                std::size_t body_bytes) override;

 private:
  boost::asio::awaitable<inbound::Answer> answer_cached(const inbound::Request& request,
                                                        const rokt::RouteMatch& match, std::string_view path,
                                                        std::string_view query);
  boost::asio::awaitable<inbound::Answer> pass(const inbound::Request& request, const rokt::Route& route);
  boost::asio::awaitable<caching::StoredResponsePtr> look_up(const caching::Key& key, WallTime now);

  const Services& services_;
  Counters& counters_;
};

}  // namespace roktcached::exchange
