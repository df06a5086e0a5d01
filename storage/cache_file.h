#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "storage/sqlite_handle.h"

namespace roktcached::storage {

/// Where lines for the operator go. Called from the store's threads.
using Report = std::function<void(std::string_view)>;

/// Holds FILE.lock, so that two processes never share a cache file. Given back when it goes out of scope.
class FileLock {
 public:
  /// @return storage_in_use or storage_unavailable, naming the path
  [[nodiscard]] static Result<FileLock> acquire(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// Makes the folder of `path` where it is missing (mode 0700) and the file itself (mode 0600).
/// @return storage_unavailable with one line that names the path
[[nodiscard]] Result<void> prepare_path(const std::string& path);

/// Opens the cache file for writing: WAL, schema made or migrated. Reads no more than its first pages.
/// @param pages_max  the size that SQLite itself refuses to exceed, in pages of 4096 bytes
/// @return storage_corrupt for a file that is no sound database; storage_unavailable for a database of
/// somebody else's or of
///         a newer version, which are left as they are
[[nodiscard]] Result<Connection> open_for_writing(const std::string& path, std::int64_t pages_max);

[[nodiscard]] Result<Connection> open_for_reading(const std::string& path);

/// Renames FILE, FILE-wal and FILE-shm to FILE.corrupt-TIME….
/// @return the new name of the file
[[nodiscard]] Result<std::string> set_aside(const std::string& path);

}  // namespace roktcached::storage
