#include "counting_allocator.h"

#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<std::uint64_t> counted{0};
thread_local bool counts = true;

constexpr std::uint64_t never = UINT64_MAX;
thread_local std::uint64_t fails_in = never;

bool is_to_fail() {
  return fails_in != never && fails_in-- == 0;  // which leaves `never`
}

/// Of this thread, while it is watched.
struct Block {
  void* memory;
  bool is_deleted;
};
constexpr std::size_t max_blocks = std::size_t{1} << 16;
std::array<Block, max_blocks> blocks;
std::size_t block_count = 0;
thread_local bool watches = false;

void* watched(void* memory) {
  if (!watches || memory == nullptr) return memory;
  if (block_count == max_blocks) std::abort();  // what is not seen must not count as clean
  blocks[block_count++] = {memory, false};
  return memory;
}

/// Keeps what was taken under watch, and gives the rest back.
void give_back(void* memory) {
  if (watches && memory != nullptr) {
    for (std::size_t i = block_count; i > 0; --i) {
      if (blocks[i - 1].memory != memory) continue;
      blocks[i - 1].is_deleted = true;
      return;
    }
  }
  std::free(memory);
}

void count() {
  if (counts) counted.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

namespace roktcached::test {

std::uint64_t allocations() {
  return counted.load(std::memory_order_relaxed);
}

void count_not_this_thread() {
  counts = false;
}

FailingAllocation::FailingAllocation(std::uint64_t nth) {
  fails_in = nth;
}
FailingAllocation::~FailingAllocation() {
  fails_in = never;
}

WatchedMemory::WatchedMemory() {
  block_count = 0;
  watches = true;
}
WatchedMemory::~WatchedMemory() {
  watches = false;
  for (std::size_t i = 0; i < block_count; ++i) {
    if (blocks[i].is_deleted) std::free(blocks[i].memory);
  }
}
bool WatchedMemory::holds(std::string_view text) const {
  for (std::size_t i = 0; i < block_count; ++i) {
    const std::size_t size = ::malloc_usable_size(blocks[i].memory);
    if (::memmem(blocks[i].memory, size, text.data(), text.size()) != nullptr) return true;
  }
  return false;
}

}  // namespace roktcached::test

// The linker sends calls of malloc and its kin here: see --wrap in CMakeLists.txt.
extern "C" {

void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t number, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  count();
  return __real_malloc(size);
}

void* __wrap_calloc(std::size_t number, std::size_t size) {
  count();
  return __real_calloc(number, size);
}

void* __wrap_realloc(void* memory, std::size_t size) {
  count();
  return __real_realloc(memory, size);
}

void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return is_to_fail() ? nullptr : __real_aligned_alloc(alignment, size);
}

}  // extern "C"

void* operator new(std::size_t size) {
  if (is_to_fail()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return watched(memory);
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return watched(std::malloc(size == 0 ? 1 : size));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return watched(memory);
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  give_back(memory);
}
