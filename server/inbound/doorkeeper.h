#pragma once

#include <optional>
#include <vector>

#include "config/settings.h"
#include "core/time.h"
#include "server/asio.h"
#include "server/inbound/clients/authenticator.h"
#include "server/inbound/clients/client_rate.h"
#include "server/inbound/clients/local_tokens.h"
#include "server/inbound/message.h"

namespace roktcached::inbound {

/// What the doorkeepers of all threads share. Safe from any thread.
struct ClientBook {
  ClientBook(const std::vector<config::Client>& of, const config::Secret& token_key)
      : clients(of), tokens(token_key, of), authenticator(of, tokens), rate(of) {}

  const std::vector<config::Client>& clients;
  const LocalTokens tokens;
  Authenticator authenticator;
  ClientRate rate;
};

/// Whether a request may be handled.
struct Admission {
  enum class Kind {
    granted,   ///< Request::client and Request::rules say whose it is
    answered,  ///< by the doorkeeper: `answer`
    unknown,   ///< that takes a while to find out
  };
  Kind kind = Kind::granted;
  Answer answer = {};
};

/// Finds out which client asks, and holds it to its rate; answers the token endpoint, where a client gets a
/// local token for its secret. Owned by its hit thread, and used on it alone.
class Doorkeeper {
 public:
  /// @param book, clock  outlive the doorkeeper
  Doorkeeper(ClientBook& book, const Clock& clock) : book_(book), clock_(clock), gate_(book.authenticator) {}

  /// Which client has proved by its certificate to be itself.
  [[nodiscard]] std::optional<std::size_t> client_of(X509* certificate) const;

  /// The admission where nothing has to be waited for: the way of every hit.
  /// @param certified  from client_of; counts where the request shows nothing itself
  [[nodiscard]] Admission recall(Request& request, std::optional<std::size_t> certified);
  /// The same, for one that was unknown; never unknown.
  [[nodiscard]] asio::awaitable<Admission> verify(Request& request, std::optional<std::size_t> certified);

 private:
  [[nodiscard]] Admission admit(Request& request, const Presented& shown, Verdict verdict);
  [[nodiscard]] bool shows_local_secret(const Request& request) const;
  [[nodiscard]] std::optional<Answer> over_rate(std::size_t client, const Request& request);
  [[nodiscard]] asio::awaitable<Answer> answer_token_request(Request& request,
                                                             std::optional<std::size_t> certified);

  ClientBook& book_;
  const Clock& clock_;
  Gate gate_;
};

}  // namespace roktcached::inbound
