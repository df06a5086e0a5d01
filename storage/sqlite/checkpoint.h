#pragma once

#include <memory>

#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// Moves the pages that have gathered in a connection's write-ahead log into the file, in place of SQLite's
/// automatic checkpoint. The automatic one is part of the commit. At that moment readers still hold snapshots
/// from before it, and the log is not moved past these. So while the file is read all the time, it would
/// never get to the log's end, and the log would only grow.
class Checkpoint {
 public:
  /// @param connection  writes to the log, and outlives it
  explicit Checkpoint(Connection& connection);
  /// Whether enough has gathered.
  [[nodiscard]] bool is_due() const;
  /// For a moment when no reader holds a snapshot from before the last commit. It waits for no reader, and
  /// makes none wait. If it fails, or meets a reader, its work is done the next time.
  /// @return an error of the disk; that it has met a reader is none
  [[nodiscard]] Result<void> make();
  /// Pages in the log, as of the last commit.
  [[nodiscard]] int pages() const { return *pages_; }
  /// Moves all of the log into the file, and shortens it to nothing. Waits for nobody.
  /// @return whether it could: not while any reader, of this program or of another, holds a snapshot
  [[nodiscard]] Result<bool> empty_log();

 private:
  Connection& connection_;
  std::unique_ptr<int> pages_;  // in the log; where SQLite's hook finds it
};

}  // namespace roktcached::storage
