#pragma once

#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/time.h"
#include "server/access/hmac.h"
#include "server/access/presented.h"

namespace roktcached::access {

/// The client that has shown something, if it is one.
struct AuthenticationResult {
  std::optional<std::size_t> client;  ///< an index into the clients; empty: nobody

  [[nodiscard]] bool is_nobody() const { return !client; }
  friend bool operator==(const AuthenticationResult&, const AuthenticationResult&) = default;
};

/// The form in which a secret is remembered. Without the key of the digest nobody can learn the secret from
/// it, or make another one with the same digest.
using Digest = Hmac::Code;

[[nodiscard]] Digest digest_of(const Presented& shown, Hmac& hmac);

/// Past results by digest. The number of each kind is bounded, so that many wrong secrets push no right one
/// out. The oldest goes first. A plain container, for one thread at a time; recall allocates nothing.
class AuthenticationMemory {
 public:
  /// For how long a wrong secret is remembered: a client that repeats one in a loop costs one scrypt in that
  /// time.
  static constexpr std::chrono::seconds nobody_for{5};
  static constexpr WallTime for_ever = WallTime::max();

  /// @param capacity  of each kind, 1 or more
  explicit AuthenticationMemory(std::size_t capacity) : capacity_(capacity) {}

  [[nodiscard]] std::optional<AuthenticationResult> recall(const Digest& digest, WallTime now) const;
  void remember(const Digest& digest, std::size_t client, WallTime until);
  void remember_nobody(const Digest& digest, WallTime now);

  /// Takes over what `before` remembers of its client `its_place`, for `client`.
  void take_over(std::size_t client, const AuthenticationMemory& before, std::size_t its_place);

 private:
  struct Hash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;  // a digest is as good as random
      std::memcpy(&hash, digest.data(), sizeof(hash));
      return hash;
    }
  };
  struct Entry {
    std::optional<std::size_t> client;
    WallTime until;
  };
  /// The next one to come takes the oldest one's place.
  struct Ring {
    std::unordered_map<Digest, Entry, Hash> entries;
    std::vector<Digest> order;
    std::size_t oldest = 0;
  };
  void put(Ring& ring, const Digest& digest, Entry entry) const;

  const std::size_t capacity_;
  Ring known_;
  Ring nobodies_;
};

}  // namespace roktcached::access
