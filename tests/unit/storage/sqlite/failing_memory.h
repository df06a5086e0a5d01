#pragma once

#include <cstdint>

namespace roktcached::storage {

/// Makes SQLite's allocations fail, of this thread alone. What is left undone ends with it.
class FailingMemory {
 public:
  /// @param granted  that many allocations succeed before
  explicit FailingMemory(std::uint64_t granted);
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  /// Whether one has failed since it began.
  [[nodiscard]] static bool has_failed();
};

}  // namespace roktcached::storage
