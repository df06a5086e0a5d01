#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <memory_resource>

#include "core/mutex.h"

namespace roktcached::storage {

/// Memory for small objects that stay, apart from what comes and goes: a slab allocator. Blocks of one size
/// stand together in slabs. A slab is given back when its last block is. So slabs are small, and what they
/// waste can be asked for: one block that stays holds a whole one.
///
/// malloc puts a block wherever there is room just then. While answers are fetched, that is between the
/// frames of the coroutines that fetch them. The frames go, a stored answer takes part of their room, and the
/// rest fits no frame of the next fetch. So a tenth of the memory of many small entries was holes.
///
/// Safe from any thread. Outlives its blocks. If there is no memory, std::bad_alloc is thrown and nothing
/// has changed.
class SlabMemory final : public std::pmr::memory_resource {
 public:
  /// Bytes. A slab is shorter by the rest that is too small for one more block.
  static constexpr std::size_t largest_slab = std::size_t{8} << 10;
  /// Bytes. What is larger, or is to be aligned to more than a pointer, comes from upstream itself.
  static constexpr std::size_t largest_block = 2048;

  /// @param upstream  where slabs come from; safe from any thread, and outlives this
  explicit SlabMemory(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource())
      : upstream_(*upstream) {}
  SlabMemory(const SlabMemory&) = delete;
  SlabMemory& operator=(const SlabMemory&) = delete;

  /// Bytes of slabs in which no block stands.
  [[nodiscard]] std::size_t unused() const { return unused_.load(std::memory_order_relaxed); }

 private:
  /// As a block begins, with a pointer to its slab.
  struct Block;
  /// A header, and blocks of one size behind it.
  class Slab : public boost::intrusive::list_base_hook<> {
   public:
    /// @param block_size  bytes, with the pointer; a multiple of a pointer's
    /// @throws std::bad_alloc
    static Slab& make(std::pmr::memory_resource& upstream, std::size_t block_size);
    /// @pre is_empty()
    static void give_back(std::pmr::memory_resource& upstream, Slab& slab);
    static Slab& of(void* memory);

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t block_size() const { return block_size_; }
    [[nodiscard]] bool is_empty() const { return used_ == 0; }
    [[nodiscard]] bool is_full() const { return free_ == nullptr && untouched_ == size_; }
    /// @pre !is_full()
    void* take();
    void put_back(void* memory);

   private:
    Slab(std::size_t size, std::size_t block_size) : size_(size), block_size_(block_size) {}

    const std::size_t size_;
    const std::size_t block_size_;
    std::size_t used_ = 0;                  // blocks
    std::size_t untouched_ = sizeof(Slab);  // where those begin that were never used
    Block* free_ = nullptr;                 // the others
  };
  using Slabs = boost::intrusive::list<Slab, boost::intrusive::constant_time_size<false>>;
  static constexpr std::size_t unit = 16;  // of the sizes of blocks

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  void change_unused(std::size_t more, std::size_t less) REQUIRES(mutex_) {
    unused_.store(unused_.load(std::memory_order_relaxed) + more - less, std::memory_order_relaxed);
  }

  std::pmr::memory_resource& upstream_;
  std::atomic<std::size_t> unused_{0};  // changed with the mutex
  Mutex mutex_;
  /// By the size of their blocks. Slabs without room are in no list.
  std::array<Slabs, largest_block / unit + 2> with_room_ GUARDED_BY(mutex_);
};

/// From now on caching::share takes its memory from slabs. Call it once, before anything is shared and before
/// there is any other thread.
void keep_responses_in_slabs();
/// The slabs that caching::share takes its memory from; null: it takes none from slabs.
[[nodiscard]] const SlabMemory* slabs_of_responses();

}  // namespace roktcached::storage
