#include "tests/unit/storage/sqlite/failing_disk.h"

#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

// <unistd.h> has some of these as inline functions, which could not be defined here.
extern "C" {
long syscall(long number, ...) noexcept;

long pread64(int file, void* bytes, std::size_t size, long offset);
long pwrite64(int file, const void* bytes, std::size_t size, long offset);
long pread(int file, void* bytes, std::size_t size, long offset);
long pwrite(int file, const void* bytes, std::size_t size, long offset);
int fsync(int file);
int fdatasync(int file);
int unlink(const char* path) noexcept;
}

namespace roktcached::storage {

bool FailingDisk::fails(std::atomic<int>& left) {
  int now = left.load();
  while (now > 0) {
    if (!left.compare_exchange_weak(now, now - 1)) continue;
    errno = EIO;
    return true;
  }
  return false;
}

}  // namespace roktcached::storage

using roktcached::storage::FailingDisk;

long pread64(int file, void* bytes, std::size_t size, long offset) {
  if (const auto action = std::exchange(FailingDisk::next_read, nullptr)) action();
  if (FailingDisk::fails(FailingDisk::reads)) return -1;
  return syscall(SYS_pread64, file, bytes, size, offset);
}

long pwrite64(int file, const void* bytes, std::size_t size, long offset) {
  if (FailingDisk::fails(FailingDisk::writes)) return -1;
  return syscall(SYS_pwrite64, file, bytes, size, offset);
}

long pread(int file, void* bytes, std::size_t size, long offset) {
  return pread64(file, bytes, size, offset);
}

long pwrite(int file, const void* bytes, std::size_t size, long offset) {
  return pwrite64(file, bytes, size, offset);
}

int fsync(int file) {
  return FailingDisk::fails(FailingDisk::syncs) ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}

int fdatasync(int file) {
  return FailingDisk::fails(FailingDisk::syncs) ? -1 : static_cast<int>(syscall(SYS_fdatasync, file));
}

int unlink(const char* path) noexcept {
  if (FailingDisk::on_unlink) FailingDisk::on_unlink(path);
  return static_cast<int>(syscall(SYS_unlink, path));
}
