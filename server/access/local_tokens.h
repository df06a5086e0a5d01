#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/time.h"

namespace roktcached::access {

/// The tokens of the daemon's own token endpoint: `local.NAME.PAYLOAD.MAC`. The daemon keeps no list of them.
/// PAYLOAD has the time of issue, and a part that makes each token another. MAC is HMAC-SHA256. Its key is
/// made of the master key, the client's name and its secret's hash, so a client that gets another secret
/// loses its tokens. Immutable: safe from any thread.
class LocalTokens {
 public:
  static constexpr std::chrono::seconds lifetime = std::chrono::hours{1};
  /// How far ahead of ours the clock of a token's issuer may be, which may be another process with the same
  /// key.
  static constexpr std::chrono::seconds clock_skew{60};

  /// @param master_key  of token_key_size bytes
  LocalTokens(const config::Secret& master_key, const std::vector<config::Client>& clients);

  /// @param client  an index into the clients
  [[nodiscard]] std::string issue(std::size_t client, WallTime now) const;

  struct Bearer {
    std::size_t client;
    WallTime expires_at;
  };
  /// Whose the token is; empty for one that was not issued here, is expired, or comes from the future.
  [[nodiscard]] std::optional<Bearer> verify(std::string_view token, WallTime now) const;

 private:
  struct Key {
    std::string name;
    config::Secret key;
  };
  std::vector<Key> keys_;
  config::Secret nobody_;  ///< for a name that is no client's: whether it is one must not show in the time
};

}  // namespace roktcached::access
