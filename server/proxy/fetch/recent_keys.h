#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "core/caching/key.h"
#include "core/time.h"

namespace roktcached::proxy {

/// Keys for which something has held within the last minute. At most 1,024; beyond that all are forgotten.
/// Not thread-safe.
class RecentKeys {
 public:
  void add(const caching::KeyHash& key, SteadyTime now) {
    if (until_.size() >= max_keys) until_.clear();
    until_[key] = now + memory;
  }
  void remove(const caching::KeyHash& key) {
    if (!until_.empty()) until_.erase(key);
  }
  [[nodiscard]] bool has(const caching::KeyHash& key, SteadyTime now) const {
    if (until_.empty()) return false;
    const auto found = until_.find(key);
    return found != until_.end() && now < found->second;
  }

 private:
  static constexpr std::chrono::minutes memory{1};
  static constexpr std::size_t max_keys = 1024;

  std::unordered_map<caching::KeyHash, SteadyTime, caching::KeyHashHasher> until_;
};

/// Keys for which a refresh was asked for a moment ago. In a flood every hit on a stale answer would ask the
/// upstream thread for one, and all but the first would find that one is under way. This spares that thread
/// the questions. Each place remembers one key, so a refresh may be asked for twice, but never too late.
/// Belongs to one thread; takes no memory and no lock.
class RecentRefreshes {
 public:
  /// For how long no other refresh of the key is asked for.
  static constexpr std::chrono::milliseconds pause{250};

  /// Whether a refresh is to be asked for; it counts as asked for then.
  [[nodiscard]] bool take(const caching::KeyHash& hash, SteadyTime now) {
    Place& place = places_[hash.low % places_.size()];
    if (place.hash == hash && now < place.asked_at + pause) return false;
    place = {hash, now};
    return true;
  }

 private:
  struct Place {
    caching::KeyHash hash{};
    SteadyTime asked_at = SteadyTime::min();
  };
  std::array<Place, 512> places_{};
};

}  // namespace roktcached::proxy
