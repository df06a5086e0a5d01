#include "tests/unit/storage/sqlite/failing_memory.h"

#include <sqlite3.h>

#include <limits>

namespace roktcached::storage {

namespace {

constexpr auto all = std::numeric_limits<std::uint64_t>::max();

thread_local std::uint64_t left = all;
thread_local bool failed = false;
sqlite3_mem_methods usual;

bool is_granted() {
  if (left == 0) failed = true;
  if (left == 0) return false;
  if (left != all) --left;
  return true;
}

void* allocate(int size) {
  return is_granted() ? usual.xMalloc(size) : nullptr;
}

void* reallocate(void* memory, int size) {
  return is_granted() ? usual.xRealloc(memory, size) : nullptr;
}

/// Before SQLite is used: it takes no other allocator then.
[[maybe_unused]] const bool installed = [] {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
  sqlite3_mem_methods ours = usual;
  ours.xMalloc = allocate;
  ours.xRealloc = reallocate;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
}();

}  // namespace

FailingMemory::FailingMemory(std::uint64_t granted) {
  left = granted;
  failed = false;
}

FailingMemory::~FailingMemory() {
  left = all;
}

bool FailingMemory::has_failed() {
  return failed;
}

}  // namespace roktcached::storage
