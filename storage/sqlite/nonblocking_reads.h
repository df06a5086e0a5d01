#pragma once

#include <cstdint>

#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// Teaches SQLite, for the whole process, to read promptly where it is told to. Before any thread reads.
/// @return false where this SQLite cannot learn it: it would wait
[[nodiscard]] bool teach_prompt_reads();

/// While it lives, a statement on this connection and thread waits for nothing: a page that the kernel does
/// not have in memory, and a lock that somebody holds, are its errors. They say nothing about the file; the
/// statement is repeated where it may wait. For reading alone, after teach_prompt_reads.
class NonblockingReads {
 public:
  explicit NonblockingReads(Connection& connection);
  ~NonblockingReads();
  NonblockingReads(const NonblockingReads&) = delete;
  NonblockingReads& operator=(const NonblockingReads&) = delete;

 private:
  Connection& connection_;
};

/// How many reads of SQLite's have failed on this thread, and how the last one did. SQLite takes some of them
/// for damage: a statement during which none has failed is right about it. Always 0 before
/// teach_prompt_reads.
struct FailedReads {
  std::uint64_t count = 0;
  int last_errno = 0;
};
[[nodiscard]] FailedReads failed_reads();

}  // namespace roktcached::storage
