#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"
#include "server/upstream/token/token.h"
#include "server/upstream/wire/upstream_connection.h"

namespace roktcached::upstream {

/// Why a token could not be fetched.
struct TokenFailure {
  Error error;
  std::optional<std::chrono::milliseconds> retry_after;  ///< of a 429 or 503
  bool credential_refused = false;                       ///< see OAuthError::is_about_client
};

using FetchedToken = boost::system::result<TokenPtr, TokenFailure>;

/// Mints tokens: one request at a time is the keeper's business, not its own.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /// @return a token, or why there is none: upstream_unreachable, upstream_timeout or
  ///         upstream_invalid_response (an answer other than 200, or a malformed 200)
  [[nodiscard]] virtual boost::asio::awaitable<FetchedToken> fetch() = 0;
};

/// Reads a credential's secrets again from where they are kept, on any thread; null if they cannot change.
using SecretSource = std::function<Result<config::Credential>()>;

/// The upstream's `POST /auth/oauth2/token` with the client credentials grant (RFC 6749, section 4.4), over a
/// connection of its own, so that a full pool never keeps the token waiting. When it is refused the secrets
/// are read again: one that was rotated in place is taken over at once. Another app id is not: what is cached
/// was fetched under this one.
class TokenEndpoint final : public TokenSource {
 public:
  /// @param helpers  where secrets are read, on another thread: their disk may hang
  /// @param origin, clock  outlive it
  TokenEndpoint(boost::asio::any_io_executor executor, boost::asio::any_io_executor helpers, Origin& origin,
                config::Credential credential, SecretSource secrets, const Clock& clock);
  [[nodiscard]] boost::asio::awaitable<FetchedToken> fetch() override;

  /// Reads the secrets again.
  /// @return whether another app secret was found, and taken over
  boost::asio::awaitable<bool> take_new_secret();
  /// Takes the secret over that was read meanwhile, and another place to read it from.
  /// @param credential  of the same name and app id
  /// @return whether the secret is another one
  bool take(config::Credential credential, SecretSource secrets);

 private:
  boost::asio::awaitable<Result<UpstreamResponse>> ask();
  [[nodiscard]] WireRequest make_request() const;
  [[nodiscard]] TokenFailure refusal_in(const UpstreamResponse& response) const;

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor helpers_;
  Origin& origin_;
  config::Credential credential_;
  SecretSource secrets_;
  const Clock& clock_;
  unsigned secrets_taken_ = 0;
  unsigned sources_taken_ = 0;
};

}  // namespace roktcached::upstream
