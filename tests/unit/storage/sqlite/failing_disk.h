#pragma once

#include <atomic>
#include <functional>
#include <utility>

namespace roktcached::storage {

/// Makes calls on files fail with EIO, of SQLite's and ours, in this whole process: it takes the place of the
/// C library's pread, pwrite, fsync and fdatasync. It also takes that of unlink, which never fails, but lets
/// a test act first. One at a time; what is left undone ends with it.
class FailingDisk {
 public:
  static constexpr int always = 1'000'000'000;

  FailingDisk() = default;
  ~FailingDisk() {
    heal();
    on_unlink = nullptr;
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  /// The next `count` calls fail.
  static void fail_reads(int count) { reads = count; }
  static void fail_writes(int count) { writes = count; }
  static void fail_syncs(int count) { syncs = count; }
  static void heal() { reads = writes = syncs = 0; }
  /// The next read of this thread does this first.
  static void before_read(std::function<void()> action) { next_read = std::move(action); }
  /// Each deletion of a file does this first, on its own thread. To be called while no other thread deletes.
  static void before_unlink(std::function<void(const char* path)> action) { on_unlink = std::move(action); }

  /// Whether the call at hand is one of those; it counts then.
  static bool fails(std::atomic<int>& left);

  static inline std::atomic<int> reads{0};
  static inline std::atomic<int> writes{0};
  static inline std::atomic<int> syncs{0};
  static inline thread_local std::function<void()> next_read;
  static inline std::function<void(const char*)> on_unlink;
};

}  // namespace roktcached::storage
