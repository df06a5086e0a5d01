#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "storage/sqlite/private_file.h"

namespace roktcached::storage {

/// A row that would not be served as it was written.
struct DamagedRow {
  std::int64_t id = 0;  ///< its column `id`
  std::string what;     ///< one line for a person
};

/// The result of reading a whole cache file.
struct Verification {
  std::uint64_t rows = 0;   ///< that were read
  std::uint64_t bytes = 0;  ///< of their bodies, as they are served
  std::vector<DamagedRow> damaged;
  std::vector<std::string> structure;  ///< faults of the file itself, as SQLite tells them; empty: none
  std::uint64_t removed = 0;           ///< damaged rows that repair_cache_file has removed

  [[nodiscard]] bool is_sound() const { return damaged.size() == removed && structure.empty(); }
};

/// Called with how many rows have been read, of about how many.
/// @return false: stop here
using VerifyProgress = std::function<bool(std::uint64_t rows, std::uint64_t of)>;

/// Reads each row of a cache file as it would be served, checksum and all, then has SQLite check the file's
/// structure. Changes no row, and may run beside the daemon. It holds no read transaction between two rows,
/// so that SQLite's log can be emptied; while it checks the structure, it does hold one.
/// @return storage_unavailable if there is no such file, or it is none of ours; storage_outdated;
///          storage_corrupt if not even its rows can be listed; client_gone if `progress` said stop
[[nodiscard]] Result<Verification> verify_cache_file(const std::string& path, const VerifyProgress& progress);

/// The same while no daemon has the file, and removes the damaged rows. A file whose structure is damaged is
/// left as it is: the daemon sets it aside at its next start.
/// @return also storage_in_use: a daemon has it
[[nodiscard]] Result<Verification> repair_cache_file(const std::string& path, const VerifyProgress& progress,
                                                     const OperatorLog& report);

}  // namespace roktcached::storage
