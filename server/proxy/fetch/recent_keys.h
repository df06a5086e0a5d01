#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "core/caching/key.h"
#include "core/time.h"

namespace roktcached::proxy {

/// Keys of which something was so a while ago: for a minute, and of 1,024 keys at most. Beyond that all are
/// forgotten. Not thread-safe.
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

/// Of which keys a refresh was asked for a moment ago. Under a flood every hit on a stale answer would ask
/// for one, and all but the first would find that it is under way: this spares them the thread that knows.
/// Remembers at most one key in each of its places, so that a refresh may be asked for twice, never too late.
/// Belongs to one thread; takes no memory and no lock.
class RecentRefreshes {
 public:
  /// For how long a refresh that was asked for stands for those after it.
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
