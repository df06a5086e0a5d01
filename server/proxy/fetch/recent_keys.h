#pragma once

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

}  // namespace roktcached::proxy
