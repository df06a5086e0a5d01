#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "storage/sqlite/private_file.h"
#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// Bytes of a page of the cache file.
inline constexpr std::int64_t page_size = 4096;

/// Holds FILE.lock, so that two processes never share a cache file. Given back when it goes out of scope.
class FileLock {
 public:
  /// @return storage_in_use, or storage_unavailable as of open_private_file
  [[nodiscard]] static Result<FileLock> acquire(const std::string& path, const OperatorLog& report);
  /// Whether its file has been deleted or replaced, so that another process could take the lock.
  [[nodiscard]] bool is_lost() const;

 private:
  FileLock(PrivateFile file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
  PrivateFile file_;
  std::string name_;
};

/// The cache file as it was found fit to be opened. SQLite opens it by its name, and then it is checked once
/// more that the name still leads to the same file.
struct CacheFile {
  std::string path;
  FileIdentity identity;
};

/// Makes the folder of `path` where it is missing, and refuses a path that no cache file may have; makes
/// nothing else.
/// @return the path by which the file is to be known from here on: without symlinks in its folder
[[nodiscard]] Result<std::string> resolve_path(const std::string& path);

/// Refuses what opening the cache file at `path` would refuse, and makes and changes nothing. A file that is
/// damaged is not refused: it would be set aside. Nor is one that another process has open, or whose disk
/// fails: the daemon starts without it, and opens it later.
/// @return storage_unavailable, naming the path and the reason
[[nodiscard]] Result<void> check_cache_file(const std::string& path);

/// Makes the file where it is missing, and refuses it, or a log of SQLite's beside it, where
/// open_private_file would. Only while nothing in this process has it open: POSIX gives up a process's locks
/// on a file when any descriptor of it is closed.
/// @param path  from resolve_path
[[nodiscard]] Result<CacheFile> prepare_file(const std::string& path, const OperatorLog& report);

/// Opens the cache file for writing: WAL, schema made where it is new. Reads no more than its first pages.
/// @param pages_max  the size that SQLite itself refuses to exceed, in pages
/// @return storage_corrupt for a file that is no sound database; storage_outdated for one of an earlier
///         version, whose context says how many entries it has; storage_unavailable for a database of
///         somebody else's or of a newer version, and for a file that was exchanged since. All of them are
///         left as they are.
[[nodiscard]] Result<Connection> open_for_writing(const CacheFile& file, std::int64_t pages_max);

/// Whether this version can read what is in an open cache file.
[[nodiscard]] Result<bool> is_of_this_version(Connection& connection);

/// @param pages_bytes  of memory, for pages that have been read
[[nodiscard]] Result<Connection> open_for_reading(const CacheFile& file, std::uint64_t pages_bytes);

/// Opens a cache file for looking at it, also while another process has it open. Changes no row. If nobody
/// has it open, a log that a killed process has left is moved into the file at the end, as at a start.
/// @param path  without symlinks in its folder
/// @return as open_for_writing
[[nodiscard]] Result<Connection> open_for_verifying(const std::string& path);

/// Renames FILE and what SQLite keeps beside it to FILE.corrupt-TIME…, and deletes all but the last two such
/// files.
/// @return the new name of the file
[[nodiscard]] Result<std::string> set_aside(const std::string& path);

/// Deletes the files that were set aside for `path`, but for the last `count`.
[[nodiscard]] Result<void> keep_set_aside(const std::string& path, std::size_t count);

/// Deletes FILE and what SQLite keeps beside it. Only while nobody has it open.
[[nodiscard]] Result<void> discard(const std::string& path);

}  // namespace roktcached::storage
