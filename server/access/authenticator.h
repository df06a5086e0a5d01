#pragma once

#include <optional>
#include <vector>

#include "config/settings.h"
#include "core/time.h"
#include "server/access/client_rate.h"
#include "server/access/local_tokens.h"
#include "server/access/secret_verifier.h"
#include "server/asio.h"
#include "server/http/message.h"

namespace roktcached::access {

/// Shared by the authenticators of all threads. Safe from any thread.
struct ClientRegistry {
  /// @param before  the registry in force until now; may be null. Clients whose secrets are the same keep
  ///          what it knows of them
  ClientRegistry(std::vector<config::Client> of, const config::Secret& token_key,
                 ClientRegistry* before = nullptr, SteadyTime now = {});

  const std::vector<config::Client> clients;
  const LocalTokens tokens;
  SecretVerifier verifier;
  ClientRate rate;
};

/// Whether a request may be handled.
struct AccessDecision {
  enum class Kind {
    granted,   ///< http::Request::client and http::Request::rules say whose it is
    answered,  ///< by the authenticator: `answer`
    unknown,   ///< that takes a while to find out
  };
  Kind kind = Kind::granted;
  http::Answer answer = {};
};

/// Finds out which client asks, and holds it to its rate; answers the token endpoint, where a client gets a
/// local token for its secret. Owned by its client thread, and used on it alone.
class Authenticator {
 public:
  /// @param registry, clock  outlive the authenticator
  Authenticator(ClientRegistry& registry, const Clock& clock)
      : registry_(registry), clock_(clock), cache_(registry.verifier) {}

  /// Which client has proved by its certificate to be itself.
  [[nodiscard]] std::optional<std::size_t> client_of(X509* certificate) const;

  /// The decision if nothing has to be waited for: the way of every hit.
  /// @param certified  from client_of; counts if the request shows nothing itself
  [[nodiscard]] AccessDecision recall(http::Request& request, std::optional<std::size_t> certified);
  /// The same, for a decision that was unknown; never unknown.
  [[nodiscard]] asio::awaitable<AccessDecision> verify(http::Request& request,
                                                       std::optional<std::size_t> certified);

 private:
  [[nodiscard]] AccessDecision admit(http::Request& request, const Presented& shown,
                                     AuthenticationResult result);
  [[nodiscard]] bool shows_local_secret(const http::Request& request) const;
  [[nodiscard]] std::optional<http::Answer> over_rate(std::size_t client, const http::Request& request);
  [[nodiscard]] asio::awaitable<http::Answer> answer_token_request(http::Request& request,
                                                                   std::optional<std::size_t> certified);

  ClientRegistry& registry_;
  const Clock& clock_;
  AuthenticationCache cache_;
};

}  // namespace roktcached::access
