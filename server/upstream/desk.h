#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>

#include "config/settings.h"
#include "core/time.h"
#include "server/upstream/connection.h"
#include "server/upstream/pool.h"
#include "server/upstream/token_endpoint.h"
#include "server/upstream/token_keeper.h"
#include "server/upstream/upstream.h"

namespace roktcached::upstream {

/// The one way to the upstream: token, connection, and one replay where the token may have been dead.
/// Belongs to the desk's thread, but for the counters and the token's status.
class Desk final : public Upstream {
 public:
  /// @param settings, credential, clock  outlive it
  /// @throws std::runtime_error for an unusable upstream.ca_file
  Desk(boost::asio::any_io_executor executor, const config::Upstream& settings,
       const config::Credential& credential, const Clock& clock);

  void start() { token_.start(); }
  /// Closes every connection; requests under way fail.
  void stop();

  [[nodiscard]] boost::asio::awaitable<UpstreamResult> send(UpstreamRequest request) override;

  /// A token is alive, and more than half of the connections are free.
  [[nodiscard]] bool idle() const override { return token_.status().alive && pool_.mostly_free(); }

  /// From any thread.
  [[nodiscard]] TokenStatus token_status() const { return token_.status(); }
  /// Requests sent upstream, replays included, token requests not. From any thread.
  [[nodiscard]] std::uint64_t requests_sent() const { return requests_sent_.load(std::memory_order_relaxed); }

 private:
  boost::asio::awaitable<UpstreamResult> send_authorized(UpstreamRequest request);
  boost::asio::awaitable<UpstreamResult> send_with(const TokenPtr& token, WireRequest& wire,
                                                   AnswerStream* stream);
  [[nodiscard]] WireRequest to_wire(UpstreamRequest request) const;
  [[nodiscard]] bool may_mean_dead_token(unsigned status, const TokenPtr& token) const;

  const config::Upstream& settings_;
  const Clock& clock_;
  Origin origin_;
  Pool pool_;
  TokenEndpoint endpoint_;
  TokenKeeper token_;
  std::atomic<std::uint64_t> requests_sent_{0};
};

}  // namespace roktcached::upstream
