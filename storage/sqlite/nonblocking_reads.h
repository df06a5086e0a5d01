#pragma once

#include <cstdint>

#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// Adds to SQLite, for the whole process, reads that fail instead of waiting; a NonblockingReads asks for
/// them. Call it before any thread reads.
/// @return false if that is not possible with this SQLite: its reads would wait
[[nodiscard]] bool enable_nonblocking_reads();

/// While it lives, a statement on this connection and thread fails instead of waiting for a page that the
/// kernel does not have in memory, or for a lock that somebody holds. Such an error says nothing about the
/// file: repeat the statement where it may wait. Only for reading, after enable_nonblocking_reads.
class NonblockingReads {
 public:
  explicit NonblockingReads(Connection& connection);
  ~NonblockingReads();
  NonblockingReads(const NonblockingReads&) = delete;
  NonblockingReads& operator=(const NonblockingReads&) = delete;

 private:
  Connection& connection_;
};

/// How many reads of SQLite's have failed on this thread, and how the last one did. SQLite takes some failed
/// reads for damage, so damage counts only if no read has failed during the statement. Always 0 before
/// enable_nonblocking_reads.
struct FailedReads {
  std::uint64_t count = 0;
  int last_errno = 0;
};
[[nodiscard]] FailedReads failed_reads();

}  // namespace roktcached::storage
