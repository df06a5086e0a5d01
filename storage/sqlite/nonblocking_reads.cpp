#include "storage/sqlite/nonblocking_reads.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace roktcached::storage {

namespace {

thread_local bool may_wait = true;
thread_local FailedReads failed;

/// SQLite calls it in place of pread.
ssize_t read_at(int file, void* bytes, std::size_t size, off_t offset) {
  if (may_wait) {
    const ssize_t read = ::pread(file, bytes, size, offset);
    if (read < 0 && errno != EINTR) failed = {failed.count + 1, errno};
    return read;
  }
  const iovec into{bytes, size};
  const ssize_t count = ::preadv2(file, &into, 1, offset, RWF_NOWAIT);
  if (count > 0) return count;
  // For a page that is not in memory, Linux 5.9 and 5.10 give 0, which SQLite would take for the end of the
  // file. A file system that does not know the flag gives an error. A reader that may wait finds out which it
  // is.
  errno = EAGAIN;
  return -1;
}

bool replace_pread() {
  sqlite3_vfs* const files = sqlite3_vfs_find(nullptr);
  if (files == nullptr || files->iVersion < 3) return false;
  // It is compiled to use one of them.
  constexpr std::array<const char*, 2> names = {"pread", "pread64"};
  for (const char* name : names) {
    if (files->xGetSystemCall(files, name) == nullptr) continue;
    const auto call = reinterpret_cast<sqlite3_syscall_ptr>(&read_at);
    return files->xSetSystemCall(files, name, call) == SQLITE_OK;
  }
  return false;
}

}  // namespace

bool enable_nonblocking_reads() {
  static const bool replaced = replace_pread();
  return replaced;
}

FailedReads failed_reads() {
  return failed;
}

NonblockingReads::NonblockingReads(Connection& connection) : connection_(connection) {
  may_wait = false;
  connection_.wait_for_locks(false);
}

NonblockingReads::~NonblockingReads() {
  may_wait = true;
  connection_.wait_for_locks(true);
}

}  // namespace roktcached::storage
