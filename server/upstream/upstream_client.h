#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/time.h"
#include "server/counters/upstream_stats.h"
#include "server/upstream/limit/admission.h"
#include "server/upstream/limit/circuits.h"
#include "server/upstream/limit/retry_policy.h"
#include "server/upstream/limit/wait_list.h"
#include "server/upstream/shared_credential.h"
#include "server/upstream/token/token_endpoint.h"
#include "server/upstream/token/token_keeper.h"
#include "server/upstream/upstream.h"
#include "server/upstream/wire/pool.h"
#include "server/upstream/wire/upstream_connection.h"

namespace roktcached::upstream {

/// One credential at work: its token, and its budget with the queue for it. Belongs to the upstream thread,
/// but for the token's status.
struct CredentialChannel {
  /// @param origin, clock  outlive it
  /// @param shared         null: no fleet
  CredentialChannel(const boost::asio::any_io_executor& executor, const boost::asio::any_io_executor& helpers,
                    Origin& origin, const config::Credential& credential, SecretSource secrets,
                    const Clock& clock, const SharedCredential* shared)
      : name(credential.name),
        max_wait(credential.budget.max_queue_wait),
        endpoint(executor, helpers, origin, credential, std::move(secrets), clock),
        token(executor, source_of(endpoint, shared), credential.name, clock),
        admission(executor, credential.budget, credential.name, clock,
                  shared != nullptr ? &shared->budget : nullptr) {}

  /// In a fleet one instance mints for all.
  static TokenSource& source_of(TokenEndpoint& own, const SharedCredential* shared) {
    if (shared == nullptr) return own;
    shared->token.mint_with(own);
    return shared->token;
  }

  const std::string name;
  std::chrono::milliseconds max_wait;  ///< of a request, for its token and its turn
  TokenEndpoint endpoint;
  TokenKeeper token;
  Admission admission;
};

/// One credential, as /status and /metrics show it.
struct CredentialStatus {
  std::string name;
  TokenStatus token;
  BudgetStatus budget;
};

/// The way to the upstream, as /status and /metrics show it.
struct UpstreamStatus {
  std::vector<CredentialStatus> credentials;
  bool circuit_open = false;
  std::uint64_t circuit_opened = 0;
  std::uint64_t circuit_probes = 0;
  std::uint64_t circuit_refused = 0;
  std::vector<std::string> open_routes;  ///< whose own circuit is open
  std::uint64_t retries = 0;
  std::uint64_t retries_refused = 0;  ///< that the retry budget did not allow
  std::uint64_t resent = 0;           ///< over a new connection, as a kept one was lost
  std::vector<counters::Spent> spending;
  counters::UpstreamAttemptsReading attempts;
};

/// The one way to the upstream, and the one place that spends its rate limit: circuit, token, turn,
/// connection; one replay where the token may have been dead, and a retry where that is safe and affordable.
/// Belongs to the upstream thread, but for what says otherwise.
class UpstreamClient final : public Upstream {
 public:
  /// @param helpers  where what takes long is done, on another thread
  /// @param files    where files are read, whose disk may hang
  /// @param clock, bodies  outlive it; for bodies, see Origin
  /// @param secrets  reads the secrets of a credential again; may be null
  /// @param shared   what a fleet shares of each credential; empty: no fleet
  /// @throws std::runtime_error for an unusable upstream.ca_file
  UpstreamClient(boost::asio::any_io_executor executor, boost::asio::any_io_executor helpers,
                 const boost::asio::any_io_executor& files, config::Upstream settings,
                 const std::vector<config::Credential>& credentials,
                 std::function<Result<config::Credential>(const config::Credential&)> secrets,
                 const Clock& clock, storage::BodyAccount* bodies = nullptr,
                 const std::vector<SharedCredential>& shared = {});

  void start();
  /// Closes every connection; requests under way and those that wait fail.
  void stop();

  /// Goes on under other settings, which count for what begins afterwards: budgets, timeouts, bounds. Fetches
  /// tokens with app secrets that are new, and for credentials that were refused.
  /// @param settings     with the same url, ca_file and proxy
  /// @param credentials  the same ones, by name, place and app id; their secrets have been read
  void change(config::Upstream settings, const std::vector<config::Credential>& credentials);

  [[nodiscard]] boost::asio::awaitable<UpstreamResult> send(const UpstreamRequest& request) override;

  /// Whether the credential's token is alive, nobody waits for its budget, half of the budget is free, and so
  /// are more than half of the connections.
  [[nodiscard]] bool idle(std::size_t credential) const override;

  [[nodiscard]] UpstreamStatus status() const;
  /// The status of the first credential whose token is dead, else of the first credential. From any thread.
  [[nodiscard]] TokenStatus token_status() const;
  /// Requests sent upstream, replays and retries included, token requests not. From any thread.
  [[nodiscard]] std::uint64_t requests_sent() const { return requests_sent_.load(std::memory_order_relaxed); }

 private:
  struct UpstreamCall;

  [[nodiscard]] SecretSource source_of(const config::Credential& credential) const;
  boost::asio::awaitable<void> replay(UpstreamCall& call, TokenPtr refused, UpstreamResult& result);
  boost::asio::awaitable<UpstreamResult> exchange(UpstreamCall& call, const TokenPtr& token,
                                                  counters::Reason reason);
  [[nodiscard]] std::optional<std::chrono::milliseconds> goes_again_after(UpstreamCall& call,
                                                                          const UpstreamResult& result);
  boost::asio::awaitable<bool> pause(std::chrono::milliseconds delay, Turn& turn);
  void learn(UpstreamCall& call, const UpstreamResult& result, SteadyTime sent_at, SteadyTime ended_at);
  void follow(Circuits::Change change, std::string_view route);
  [[nodiscard]] UpstreamFailure circuit_is_open(std::string_view route) const;

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor helpers_;
  config::Upstream settings_;
  const std::function<Result<config::Credential>(const config::Credential&)> secrets_;
  const Clock& clock_;
  Origin origin_;
  Pool pool_;
  std::vector<std::unique_ptr<CredentialChannel>> channels_;  // in the order of the credentials
  Circuits circuits_;
  RetryBudget retry_budget_;
  counters::UpstreamStats spending_;
  counters::UpstreamAttempts attempts_;
  WaitList pauses_;  // before retries
  std::uint64_t retries_ = 0;
  bool stopped_ = false;
  std::atomic<std::uint64_t> requests_sent_{0};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace roktcached::upstream
