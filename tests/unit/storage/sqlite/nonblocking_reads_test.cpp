/// Reads of a thread that must not wait for the disk. The file is put out of the kernel's memory for it; on
/// a file system that keeps its files there, such as tmpfs, there is nothing to wait for and nothing to test.
#include "storage/sqlite/nonblocking_reads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::noon;
using examples::same;
using examples::shared_response;

/// The cache file beside SQLite. It outlives the store: closing it gives up SQLite's locks.
class FileInMemory {
 public:
  explicit FileInMemory(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~FileInMemory() { ::close(file_); }
  FileInMemory(const FileInMemory&) = delete;
  FileInMemory& operator=(const FileInMemory&) = delete;

  /// @return false if it is still there
  [[nodiscard]] bool forget() const {
    constexpr int tries = 50;  // the kernel keeps a page that it is still at
    char byte = 0;
    const iovec into{&byte, 1};
    for (int i = 0; i < tries; ++i) {
      ::fsync(file_);
      ::posix_fadvise(file_, 0, 0, POSIX_FADV_DONTNEED);
      if (::preadv2(file_, &into, 1, last_page, RWF_NOWAIT) < 0) return true;
    }
    return false;
  }

 private:
  static constexpr off_t last_page = 100 * 4096;
  int file_;
};

class PromptReadsTest : public SqliteStoreFixture {
 protected:
  static constexpr int count = 100;
  static StoredResponsePtr made(int number, std::size_t size = 4000) {
    return shared_response(number, examples::noise(size, static_cast<std::uint64_t>(number)));
  }
  void fill() {
    const auto store = open();
    for (int number = 0; number < count; ++number) store->put(made(number));
    store->put(made(count, 5000));
  }
};

TEST_F(PromptReadsTest, WhatTheKernelHasNotIsForWhoMayWait) {
  fill();
  const FileInMemory file(options_.path);
  const auto store = open();
  if (!file.forget()) GTEST_SKIP() << "this file system keeps its files in memory";
  EXPECT_EQ(store->find_at_once(key(50), noon), std::nullopt);
  const auto waited_for = store->find(key(50), noon).value();
  ASSERT_NE(waited_for, nullptr);
  EXPECT_TRUE(same(*waited_for, *made(50)));
  const auto at_once = store->find_at_once(key(50), noon);
  ASSERT_TRUE(at_once && *at_once) << "the kernel has it now";
  EXPECT_TRUE(same(**at_once, *made(50)));
  EXPECT_EQ(store->statistics()[0].errors, 0U) << "that it would have to wait is none";
}

TEST_F(PromptReadsTest, NothingWrongIsFoundHoweverLittleTheKernelHas) {
  fill();
  const FileInMemory file(options_.path);
  const auto store = open();
  if (!file.forget()) GTEST_SKIP() << "this file system keeps its files in memory";
  int waits = 0;
  for (int number = 0; number < count; ++number) {
    static_cast<void>(file.forget());  // but for what the kernel is about to read ahead
    const auto at_once = store->find_at_once(key(number), noon);
    if (!at_once) ++waits;
    const auto found = at_once ? *at_once : store->find(key(number), noon).value();
    ASSERT_NE(found, nullptr) << number;
    ASSERT_TRUE(same(*found, *made(number))) << number;
  }
  EXPECT_GT(waits, 0);
}

TEST_F(PromptReadsTest, ALongBodyIsForWhoMayWait) {
  fill();
  const auto store = open();
  ASSERT_NE(store->find(key(count), noon).value(), nullptr);
  EXPECT_EQ(store->find_at_once(key(count), noon), std::nullopt);
}

TEST_F(PromptReadsTest, OnlyTheThreadThatMustNotWaitDoesNot) {
  fill();
  auto connection = connect();
  const FileInMemory file(options_.path);
  ASSERT_TRUE(enable_nonblocking_reads());
  if (!file.forget()) GTEST_SKIP() << "this file system keeps its files in memory";
  constexpr const char* bytes = "SELECT sum(length(body)) FROM responses";
  {
    const NonblockingReads promptly(connection);
    EXPECT_FALSE(connection.integer(bytes));
  }
  EXPECT_GT(connection.integer(bytes).value(), 0);
}

}  // namespace
}  // namespace roktcached::storage
