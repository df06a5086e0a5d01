/// Reading while the file is written: what a find sees, and that neither side waits for the other.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "tests/unit/storage/sqlite/failing_disk.h"
#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::noise;
using examples::noon;
using examples::same;
using examples::shared_response;
using namespace std::chrono_literals;

using SqliteStoreReadingTest = SqliteStoreFixture;

TEST_F(SqliteStoreReadingTest, AFindSeesWhatWasCommittedSinceTheLastOne) {
  const auto store = open();
  for (int version = 0; version < 50; ++version) {
    const auto put = shared_response(1, std::to_string(version));
    store->put(put);
    store->flush();
    const auto read = version % 2 == 0 ? found(*store, 1) : store->find_at_once(key(1), noon).value();
    ASSERT_NE(read, nullptr);
    ASSERT_TRUE(same(*read, *put)) << version;
  }
}

TEST_F(SqliteStoreReadingTest, AFindHasWhatIsPutWhileItReads) {
  { open()->put(shared_response(1, "old")); }
  options_.linger = 1h;
  const auto store = open();
  const auto newer = shared_response(1, "newer");
  bool has_read = false;
  FailingDisk::before_read([&] {
    has_read = true;
    store->put(newer);
  });
  EXPECT_EQ(found(*store, 1), newer);
  EXPECT_TRUE(has_read);
}

TEST_F(SqliteStoreReadingTest, AFindSeesWhatWasPurgedSinceTheLastOne) {
  const auto store = open();
  for (int round = 0; round < 20; ++round) {
    store->put(shared_response(1));
    store->flush();
    ASSERT_NE(found(*store, 1), nullptr);
    ASSERT_EQ(store->purge({caching::WithKey{key(1).hash()}, caching::PurgeKind::hard}, noon).value(), 1U);
    ASSERT_EQ(found(*store, 1), nullptr) << round;
  }
}

/// A reader that kept the file as it was would keep all that is written from then on in the log.
TEST_F(SqliteStoreReadingTest, ReadersThatNeverRestDoNotMakeTheLogGrow) {
  const auto store = open();
  store->put(shared_response(0));
  store->flush();
  std::atomic<bool> finished = false;
  std::thread reader([&] {
    while (!finished) {
      EXPECT_NE(store->find_at_once(key(0), noon), std::optional<StoredResponsePtr>(nullptr));
    }
  });
  std::uintmax_t largest = 0;
  for (int number = 1; number < 100; ++number) {
    store->put(shared_response(number, noise(500'000, static_cast<std::uint64_t>(number))));
    store->flush();
    largest = std::max(largest, std::filesystem::file_size(options_.path + "-wal"));
  }
  finished = true;
  reader.join();
  EXPECT_LT(largest, std::uintmax_t{16} << 20) << "of 50 MB that were written";
}

/// SQLite's writes to the file itself, which only a checkpoint makes: the first of them is held up until
/// release().
class HeldCheckpoint {
 public:
  explicit HeldCheckpoint(const std::string& path) : path_(path), files_(sqlite3_vfs_find(nullptr)) {
    for (const char* name : {"pwrite", "pwrite64"}) {
      if (files_->xGetSystemCall(files_, name) == nullptr) continue;
      name_ = name;
      real = reinterpret_cast<Call>(files_->xGetSystemCall(files_, name));
    }
    held = this;
    files_->xSetSystemCall(files_, name_, reinterpret_cast<sqlite3_syscall_ptr>(&write));
  }
  ~HeldCheckpoint() {
    release();
    held = nullptr;
    files_->xSetSystemCall(files_, name_, nullptr);
  }
  HeldCheckpoint(const HeldCheckpoint&) = delete;
  HeldCheckpoint& operator=(const HeldCheckpoint&) = delete;

  /// @return false if none has come in ten seconds
  bool wait_until_begun() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [this] { return begun_; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  using Call = ssize_t (*)(int, const void*, size_t, off_t);

  static ssize_t write(int file, const void* bytes, size_t size, off_t offset) {
    if (HeldCheckpoint* const checkpoint = held) checkpoint->hold(file);
    return real(file, bytes, size, offset);
  }
  void hold(int file) {
    std::array<char, 4096> name{};
    const std::string link = "/proc/self/fd/" + std::to_string(file);
    if (::readlink(link.c_str(), name.data(), name.size() - 1) < 0 || path_ != name.data()) return;
    std::unique_lock lock(mutex_);
    begun_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
  }

  static inline std::atomic<HeldCheckpoint*> held = nullptr;
  static inline Call real = nullptr;
  const std::string path_;
  sqlite3_vfs* files_;
  const char* name_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool begun_ = false;
  bool released_ = false;
};

TEST_F(SqliteStoreReadingTest, NobodyWaitsForACheckpoint) {
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  HeldCheckpoint checkpoint(options_.path);
  for (int number = 2; number < 12; ++number)
    store->put(shared_response(number, noise(1 << 20, static_cast<std::uint64_t>(number))));
  ASSERT_TRUE(checkpoint.wait_until_begun());
  for (int again = 0; again < 20; ++again) {
    ASSERT_NE(found(*store, 1), nullptr);
    ASSERT_NE(store->find_at_once(key(1), noon).value(), nullptr);
    ASSERT_NE(found(*store, 11), nullptr) << "it is queued, or in the log";
    store->put(shared_response(100 + again));
    ASSERT_NE(found(*store, 100 + again), nullptr);
  }
  EXPECT_EQ(store->find(key(50), noon).value(), nullptr);
  checkpoint.release();
  store->flush();
  EXPECT_NE(found(*store, 119), nullptr);
  EXPECT_EQ(store->statistics()[0].dropped_writes, 0U);
}

}  // namespace
}  // namespace roktcached::storage
