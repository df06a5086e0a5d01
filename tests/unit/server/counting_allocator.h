#pragma once

#include <cstdint>
#include <string_view>

namespace roktcached::test {

/// Allocations of any kind that this process has made so far on other threads than those that have called
/// count_not_this_thread(). Counted by the allocation functions that counting_allocator.cpp puts in the place
/// of the usual ones, and by --wrap for those of the C library.
[[nodiscard]] std::uint64_t allocations();

void count_not_this_thread();

/// For as long as it lives, one of this thread's calls of operator new or of aligned_alloc (Asio's) fails.
class FailingAllocation {
 public:
  /// @param nth  which one, from 0 on
  explicit FailingAllocation(std::uint64_t nth);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;
};

/// For as long as it lives, what operator new gives this thread is not given back, so that it can be seen
/// what was left in it. One at a time.
class WatchedMemory {
 public:
  WatchedMemory();
  ~WatchedMemory();
  WatchedMemory(const WatchedMemory&) = delete;
  WatchedMemory& operator=(const WatchedMemory&) = delete;

  /// Whether `text` is in any of it, in use or deleted.
  [[nodiscard]] bool holds(std::string_view text) const;
};

}  // namespace roktcached::test
