#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

#include "core/time.h"
#include "server/exchange/counters.h"
#include "server/exchange/flights.h"
#include "server/inbound/listener.h"
#include "server/inbound/message.h"
#include "server/upstream/desk.h"
#include "storage/response_store.h"

namespace roktcached::admin {

/// What the admin listener looks at; all of it outlives the handler and may be read from any thread.
struct Sources {
  const std::vector<std::unique_ptr<exchange::Counters>>& counters;
  const inbound::ConnectionBudget& connections;
  const storage::ResponseStore& store;
  const exchange::Flights& flights;
  const upstream::Desk& desk;
  const Clock& clock;
  SteadyTime started_at;
};

/// The operator's window: `GET /livez`, `/readyz` and `/status`, on a listener of its own. Reads, never
/// changes anything.
class Admin final : public inbound::Handler {
 public:
  explicit Admin(Sources sources) : sources_(std::move(sources)) {}

  [[nodiscard]] boost::asio::awaitable<inbound::Answer> handle(const inbound::Request& request) override;
  void finished(const inbound::Request&, const inbound::Answer&, std::size_t) override {}

  /// From now on /readyz says 503: the process is draining.
  void drain() { draining_ = true; }

 private:
  [[nodiscard]] inbound::Answer ready() const;
  [[nodiscard]] inbound::Answer status() const;

  const Sources sources_;
  bool draining_ = false;
};

}  // namespace roktcached::admin
