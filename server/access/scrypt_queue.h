#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "server/access/authentication_memory.h"

namespace roktcached::access {

/// Decides whose scrypt is next. Secrets wait in buckets: one for each client, for secrets that are shown
/// with the client's name; one for all names that are nobody's; one for keys without a name. Clients take
/// turns, and go first. Then come nobody's names. Bare keys, each of which costs a scrypt for each client, go
/// last.
///
/// So a flood fills only its own bucket. To have a client turned away, an attacker must know the client's
/// name; any other flood costs that client a few turns. Under a flood, a client's name is served sooner than
/// others, which shows that it is a client's. That is no loss: a name is no secret.
///
/// A plain container of digests, for one thread at a time; owned by the SecretVerifier.
class ScryptQueue {
 public:
  /// A client's, by its index; or nobody(), or bare_keys().
  using Bucket = std::size_t;
  static constexpr std::size_t room = 4;
  static constexpr std::size_t room_for_bare_keys = 16;
  /// At most so many scrypts go before those of a later kind, which then has one: nobody waits for ever.
  static constexpr unsigned patience = 4;

  explicit ScryptQueue(std::size_t clients) : clients_(clients), buckets_(clients + 2) {}

  [[nodiscard]] Bucket nobody() const { return clients_; }
  [[nodiscard]] Bucket bare_keys() const { return clients_ + 1; }

  /// @return false if the bucket is full, and the digest was not taken
  [[nodiscard]] bool push(Bucket bucket, const Digest& shown);

  /// The secret that has the next scrypt; empty: nothing waits. It keeps its place, the first of its bucket,
  /// until done(). A secret that needs several scrypts lets others go in between.
  [[nodiscard]] std::optional<Digest> next();
  /// The secret that next() returned last needs no further scrypt. Only after next() has returned one.
  void done();

 private:
  /// Clients, nobody's names, bare keys: in the order in which they go.
  static constexpr std::size_t kinds = 3;

  [[nodiscard]] std::optional<Bucket> first_of(std::size_t kind) const;

  const std::size_t clients_;
  std::vector<std::deque<Digest>> buckets_;
  Bucket turn_ = 0;                               ///< the client that is asked first whether it waits
  std::array<unsigned, kinds> passed_over_ = {};  ///< scrypts of kinds before it, while one of it waited
  Bucket at_hand_ = 0;
};

}  // namespace roktcached::access
