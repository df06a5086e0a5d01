#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

#include "config/secret.h"
#include "core/caching/policies.h"
#include "core/time.h"
#include "server/exchange/accounts.h"
#include "server/exchange/flights.h"
#include "server/exchange/traffic.h"
#include "server/inbound/listener.h"
#include "server/inbound/message.h"
#include "server/upstream/desk.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::admin {

/// What the admin listener looks at; all of it outlives the handler and may be read from any thread.
struct Sources {
  const std::vector<std::unique_ptr<exchange::Accounts>>& accounts;
  const std::vector<std::unique_ptr<exchange::Traffic>>& traffic;
  const inbound::ConnectionBudget& connections;
  storage::ResponseStore& store;
  const storage::BodyAccount& bodies;
  const caching::FreshnessPolicies& policies;
  exchange::Flights& flights;
  const upstream::Desk& desk;
  boost::asio::any_io_executor desk_executor;
  const Clock& clock;
  SteadyTime started_at;
  config::Secret token;                 ///< what a mutating call must show; empty: none is allowed
  bool over_unix_socket;                ///< the listener is one that only its owner can open
  boost::asio::any_io_executor purger;  ///< one thread, where a purge or a listing may block: one at a time
};

/// The operator's window, on a listener of its own: `GET /livez`, `/readyz`, `/status`, `/metrics` and
/// `/entries`, which only read, and `POST /purge`, see check_mutation.
class Admin final : public inbound::Handler {
 public:
  explicit Admin(Sources sources) : sources_(std::move(sources)) {}

  [[nodiscard]] bool answer_now(inbound::Request&, inbound::Answer&) override { return false; }
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> handle(const inbound::Request& request) override;
  void finished(const inbound::Request&, const inbound::Answer&, const inbound::Written&) override {}

  /// From now on /readyz says 503: the process is draining.
  void drain() { draining_ = true; }

 private:
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> purge(const inbound::Request& request);
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> entries(const inbound::Request& request,
                                                                std::string_view query);
  [[nodiscard]] inbound::Answer ready() const;
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> status() const;
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> metrics() const;
  [[nodiscard]] boost::asio::awaitable<upstream::DeskStatus> read_desk() const;

  const Sources sources_;
  bool draining_ = false;
};

}  // namespace roktcached::admin
