#pragma once

#include <array>
#include <optional>
#include <string>

#include "storage/sqlite/cache_file.h"

namespace roktcached::storage {

/// Notices that the name of the cache file, or of the log or the shared memory that SQLite keeps beside it,
/// leads elsewhere than when they were opened: somebody has deleted or replaced it. For one thread.
class FileWatch {
 public:
  /// @param file  open, so that what SQLite keeps beside it is there
  explicit FileWatch(CacheFile file);

  /// The change that has happened, for people, beginning with the name; empty if nothing has, or the
  /// system cannot tell now.
  [[nodiscard]] std::string look() const;
  /// Whether the name of the file itself leads elsewhere, or nowhere.
  [[nodiscard]] bool has_moved() const;
  /// Deletes the log and the shared memory, where their names still lead to those of this file: they must
  /// never meet another. Only after all connections are closed.
  [[nodiscard]] Result<void> remove_beside() const;

 private:
  struct Beside {
    std::string path;
    std::optional<FileIdentity> identity;
  };

  CacheFile file_;
  std::array<Beside, 2> beside_;
};

}  // namespace roktcached::storage
