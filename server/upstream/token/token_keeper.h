#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "core/mutex.h"
#include "core/time.h"
#include "server/upstream/limit/wait_list.h"
#include "server/upstream/token/token_endpoint.h"
#include "server/upstream/upstream.h"

namespace roktcached::upstream {

using TokenResult = boost::system::result<TokenPtr, UpstreamFailure>;

/// The token's state, as /status shows it; never the token.
struct TokenStatus {
  bool alive = false;
  std::optional<WallTime> expires_at;
  std::uint64_t minted = 0;
  std::uint64_t failures = 0;
  std::string last_error;  ///< names the credential; empty after a success
};

/// Keeps one shared token fresh in the background: fetched at start, renewed before it expires, retried with
/// backoff and no earlier than a Retry-After, one fetch at a time. Where the credential itself was refused,
/// it asks again once a minute. While a renewal fails, the old token stays in use for as long as it lives.
/// Belongs to the upstream thread, but for status().
class TokenKeeper {
 public:
  /// @param source, clock  outlive it
  /// @param credential     whose token it is: its name, for logs and errors
  TokenKeeper(boost::asio::any_io_executor executor, TokenSource& source, std::string credential,
              const Clock& clock);

  /// Begins the background work.
  void start();
  /// Ends it, and fails who waits.
  void stop();

  /// The token in use where nothing is to be waited for; else null.
  [[nodiscard]] TokenPtr at_hand(SteadyTime now) const;

  /// The token in use. Waits for a fetch under way where there is none, or where the upstream has refused it,
  /// up to the turn's deadline.
  /// @param turn  outlives the wait
  /// @return token_unavailable with the time to the next attempt; client_gone if nobody waits any more
  [[nodiscard]] boost::asio::awaitable<TokenResult> get(Turn& turn);

  /// A newer token than `refused`, which the upstream may have refused: the one in use where it is another
  /// already, else a fetched one.
  /// @return as get; a null token where `refused` is too young to be doubted
  [[nodiscard]] boost::asio::awaitable<TokenResult> renew(TokenPtr refused, Turn& turn);

  /// Fetches a token now, unless one is on its way.
  void fetch_now();
  /// The same, because something may have been mended just now: if a fetch is on its way and fails, the next
  /// one follows at once.
  void fetch_again();
  /// Whether the last fetch failed because the credential was refused.
  [[nodiscard]] bool refused() const { return refused_; }

  /// Says that the upstream has accepted `token`, so that a 400 need not be blamed on it for a minute.
  void accepted(const TokenPtr& token, SteadyTime now);
  /// Whether the upstream has accepted `token` within the last minute.
  [[nodiscard]] bool recently_accepted(const TokenPtr& token) const;

  /// From any thread.
  [[nodiscard]] TokenStatus status() const;

 private:
  void spawn_refresher(std::chrono::milliseconds delay);
  boost::asio::awaitable<void> run(std::chrono::milliseconds delay);
  boost::asio::awaitable<std::chrono::milliseconds> fetch_once();
  [[nodiscard]] std::chrono::milliseconds delay_after(const FetchedToken& fetched);
  [[nodiscard]] std::chrono::milliseconds end_broken_fetch();
  boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
  boost::asio::awaitable<void> wait_for_fetch(Turn& turn);
  [[nodiscard]] UpstreamFailure unavailable() const;
  [[nodiscard]] bool alive(SteadyTime now) const;
  [[nodiscard]] double jitter();

  boost::asio::any_io_executor executor_;
  TokenSource& source_;
  const std::string credential_;
  const Clock& clock_;
  boost::asio::steady_timer schedule_;  // the refresher's sleep; cancelled to make it fetch now
  WaitList waiting_;                    // for a fetch; woken when one has ended
  TokenPtr token_;
  TokenPtr doubted_;  // refused by the upstream; used again only where no other can be had
  TokenPtr accepted_token_;
  SteadyTime accepted_at_;
  SteadyTime next_attempt_;
  bool fetching_ = true;  // from the start: the first fetch is on its way
  bool stopped_ = false;
  bool refused_ = false;
  bool again_ = false;
  unsigned failures_in_a_row_ = 0;
  std::minstd_rand random_{std::random_device{}()};

  mutable Mutex status_mutex_;
  TokenStatus status_ GUARDED_BY(status_mutex_);
};

}  // namespace roktcached::upstream
