#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/time.h"
#include "server/inbound/clients/presented.h"

namespace roktcached::inbound {

/// Who somebody is who has shown something.
struct Verdict {
  std::optional<std::size_t> client;  ///< an index into the clients; empty: nobody

  [[nodiscard]] bool is_nobody() const { return !client; }
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// What was shown, as it is remembered: from it nobody learns a secret, or makes another thing of the same
/// digest, without the process's random key.
using Digest = std::array<unsigned char, 32>;

/// Makes digests without allocating. Moved and used on one thread.
class Digester {
 public:
  /// @param key  the process's
  explicit Digester(const config::Secret& key);
  ~Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) = delete;

  [[nodiscard]] Digest operator()(const Presented& shown);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Verdicts of the past by digest, a bounded number of each kind: so many wrong secrets push no right one
/// out. The oldest goes first. A plain container, for one thread at a time; recall allocates nothing.
class VerdictMemory {
 public:
  /// One wrong secret in a loop is looked into once in so long, and a client that is told of a new secret a
  /// moment too early is not shut out for longer.
  static constexpr std::chrono::seconds nobody_for{3};
  static constexpr WallTime for_ever = WallTime::max();

  /// @param capacity  of each kind, 1 or more
  explicit VerdictMemory(std::size_t capacity);

  [[nodiscard]] std::optional<Verdict> recall(const Digest& digest, WallTime now) const;
  void remember(const Digest& digest, std::size_t client, WallTime until);
  void remember_nobody(const Digest& digest, WallTime now);

 private:
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof(hash));
      return hash;
    }
  };
  struct Entry {
    std::optional<std::size_t> client;
    WallTime until;
  };
  /// A ring: the next one to come takes the oldest one's place.
  struct Ring {
    std::unordered_map<Digest, Entry, DigestHash> entries;
    std::vector<Digest> order;
    std::size_t oldest = 0;
  };
  void put(Ring& ring, const Digest& digest, Entry entry) const;

  const std::size_t capacity_;
  Ring known_;
  Ring unknown_;
};

}  // namespace roktcached::inbound
