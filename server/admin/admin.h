#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

#include "core/time.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/http/message.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/reloads.h"
#include "server/runtime.h"
#include "server/session/listener.h"
#include "server/upstream/upstream_client.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::admin {

/// The parts that the admin listener reads; all of them outlive the handler and may be read from any thread.
struct Sources {
  const std::vector<std::unique_ptr<counters::ClientStats>>& client_stats;
  const std::vector<std::unique_ptr<counters::RequestStats>>& request_stats;
  const session::ConnectionBudget& connections;
  storage::ResponseStore& store;
  const storage::BodyAccount& bodies;
  const RuntimePtr& runtime;  ///< in force; changed on the main thread, which is the handler's
  Reloads& reloads;           ///< of that thread, too
  proxy::FetchTable& fetches;
  const upstream::UpstreamClient& upstream_client;
  boost::asio::any_io_executor upstream_executor;
  const Clock& clock;
  SteadyTime started_at;
  bool over_unix_socket;                ///< the listener is one that only its owner can open
  boost::asio::any_io_executor purger;  ///< one thread, where a purge or a listing may block: one at a time
};

/// The operator's window, on a listener of its own: `GET /livez`, `/readyz`, `/status`, `/metrics` and
/// `/entries`, which only read, and `POST /purge` and `/reload`, see check_mutation.
class Admin final : public http::Handler {
 public:
  explicit Admin(Sources sources) : sources_(std::move(sources)) {}

  [[nodiscard]] bool answer_now(http::Request&, http::Answer&) override { return false; }
  [[nodiscard]] boost::asio::awaitable<http::Answer> handle(const http::Request& request) override;
  void finished(const http::Request&, const http::Answer&, const http::Written&) override {}

  /// From now on /readyz says 503: the process is draining.
  void drain() { draining_ = true; }

 private:
  /// A row of the table that `handle` asks.
  struct Endpoint;
  static const Endpoint endpoints[];
  [[nodiscard]] static std::string listed_paths();

  [[nodiscard]] boost::asio::awaitable<http::Answer> live(const http::Request& request,
                                                          std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> ready(const http::Request& request,
                                                           std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> status(const http::Request& request,
                                                            std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> metrics(const http::Request& request,
                                                             std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> entries(const http::Request& request,
                                                             std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> purge(const http::Request& request,
                                                           std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> reload(const http::Request& request,
                                                            std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<http::Answer> log_level(const http::Request& request,
                                                               std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<upstream::UpstreamStatus> read_upstream_status() const;

  const Sources sources_;
  bool draining_ = false;
};

}  // namespace roktcached::admin
