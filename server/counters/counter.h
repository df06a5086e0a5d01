#pragma once

#include <atomic>
#include <cstdint>

namespace roktcached {

/// A number that one thread adds to and any may read. Since there is one writer, adding costs a load and a
/// store, and no locked instruction.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace roktcached
