#include <gtest/gtest.h>
#include <sys/resource.h>

#include <set>
#include <string>
#include <thread>

#include "storage/sqlite/cache_file.h"
#include "tests/unit/storage/sqlite/failing_disk.h"
#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::shared_response;
using namespace std::chrono_literals;

/// Two stores of one file, as two processes have them: a lock of FILE.lock is each open file's own.
class SuccessionTest : public SqliteStoreFixture {
 protected:
  std::unique_ptr<SqliteStore> open_successor() {
    SqliteOptions options = options_;
    options.is_successor = true;
    return SqliteStore::open(std::move(options)).value();
  }
  /// The successor looks for the lock every so often.
  static void wait_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 2'000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(condition());
  }
};

TEST_F(SuccessionTest, WithoutThatTheFileIsInUse) {
  const auto former = open();
  const auto other = SqliteStore::open(options_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::storage_in_use);
}

/// SQLite deletes the files beside the cache file by their names. They are the successor's as soon as it has
/// the lock.
TEST_F(SuccessionTest, TheLockGoesAfterTheFilesBesideTheCacheFile) {
  auto former = open();
  former->put(shared_response(1));
  former->flush();
  const FailingDisk disk;
  std::set<std::string> deleted;
  FailingDisk::before_unlink([&](const char* path) {
    deleted.insert(path);
    EXPECT_FALSE(FileLock::acquire(options_.path, options_.report)) << path;
  });
  former.reset();
  EXPECT_EQ(deleted, (std::set<std::string>{options_.path + "-shm", options_.path + "-wal"}));
}

TEST_F(SuccessionTest, TheFileIsReadWhileItIsStillTheFormers) {
  const auto former = open();
  former->put(shared_response(1));
  former->flush();
  const auto next = open_successor();
  EXPECT_NE(found(*next, 1), nullptr);
  former->put(shared_response(2));
  former->flush();
  wait_until([&] { return found(*next, 2) != nullptr; });
  EXPECT_EQ(next->statistics()[0].trouble, "");
}

TEST_F(SuccessionTest, WhatBothHaveToWriteReachesTheFile) {
  options_.linger = 1h;  // so that both still have all of it when the former ends
  auto former = open();
  for (int number = 0; number < 50; ++number) former->put(shared_response(number));
  options_.linger = 1ms;
  {
    const auto next = open_successor();
    for (int number = 50; number < 100; ++number)
      EXPECT_EQ(next->put(shared_response(number)), caching::Storing::stored);
    for (int number = 50; number < 100; ++number) EXPECT_NE(found(*next, number), nullptr) << number;
    EXPECT_EQ(next->statistics()[0].queued_writes, 50U) << "it waits";
    former.reset();
    next->flush();
    EXPECT_EQ(next->statistics()[0].entries, 100U);
    EXPECT_EQ(next->statistics()[0].dropped_writes, 0U);
  }
  const auto last = open();
  for (int number = 0; number < 100; ++number) EXPECT_NE(found(*last, number), nullptr) << number;
}

TEST_F(SuccessionTest, WhereNoFileCanBeOpenedForAWhileWhatIsQueuedStillWaits) {
  options_.linger = 1ms;
  auto former = open();
  const auto next = open_successor();
  EXPECT_EQ(next->put(shared_response(1)), caching::Storing::stored);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{3, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  wait_until([&] { return next->statistics()[0].errors > 0; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  former.reset();
  next->flush();
  EXPECT_EQ(next->statistics()[0].entries, 1U);
  EXPECT_EQ(next->statistics()[0].dropped_writes, 0U);
}

TEST_F(SuccessionTest, TheNewerAnswerIsTheOneThatStays) {
  auto former = open();
  former->put(shared_response(1));
  former->flush();
  const auto next = open_successor();
  auto newer = std::make_shared<StoredResponse>(*shared_response(1));
  newer->fetched_at += 1s;
  next->put(newer);
  former.reset();
  next->flush();
  EXPECT_EQ(found(*next, 1)->fetched_at, newer->fetched_at);
}

TEST_F(SuccessionTest, WhatTheFormerHasPurgedIsNeitherReadNorWrittenAgain) {
  auto former = open();
  former->put(shared_response(1));
  former->flush();
  const auto next = open_successor();
  next->put(shared_response(2));
  EXPECT_NE(found(*next, 1), nullptr) << "a reader has a snapshot now";
  ASSERT_TRUE(former->purge({}, examples::noon));
  ASSERT_TRUE(next->purge_after_other({}, examples::noon));
  EXPECT_EQ(found(*next, 1), nullptr);
  EXPECT_EQ(found(*next, 2), nullptr) << "it has waited to be written";
  next->put(shared_response(3));
  former->put(shared_response(4));  // as a fetch from before would that is stored late
  former.reset();
  next->flush();
  EXPECT_EQ(found(*next, 4), nullptr) << "the next one purges the file, too, once it has it";
  EXPECT_NE(found(*next, 3), nullptr);
}

TEST_F(SuccessionTest, APurgeAfterAnotherIsOneLikeAnyWhereNobodyElseHasTheFile) {
  const auto next = open_successor();
  next->put(shared_response(1));
  next->flush();
  EXPECT_EQ(next->purge_after_other({}, examples::noon).value(), 1U);
}

TEST_F(SuccessionTest, NothingOfAnotherOwnerIsRead) {
  options_.owners = {{"default", "one"}};
  auto former = open();
  former->put(shared_response(1));
  former->flush();
  options_.owners = {{"default", "another"}};
  const auto next = open_successor();
  EXPECT_EQ(found(*next, 1), nullptr);
  former.reset();
  next->put(shared_response(2));
  next->flush();
  EXPECT_NE(found(*next, 2), nullptr);
}

TEST_F(SuccessionTest, AFileOfAnotherVersionIsNotRead) {
  auto former = open();
  former->put(shared_response(1));
  former->flush();
  ASSERT_TRUE(connect().execute("PRAGMA user_version = 4"));
  const auto next = open_successor();
  EXPECT_EQ(found(*next, 1), nullptr);
  former.reset();
  next->put(shared_response(2));
  next->flush();
  EXPECT_NE(found(*next, 2), nullptr) << "it is begun anew once it is free";
  EXPECT_EQ(next->statistics()[0].entries, 1U);
}

TEST_F(SuccessionTest, OneThatNeverComesToServeEndsAtOnce) {
  const auto former = open();
  const auto began = std::chrono::steady_clock::now();
  open_successor().reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  former->put(shared_response(1));
  former->flush();
  EXPECT_NE(found(*former, 1), nullptr);
}

TEST_F(SuccessionTest, WhereNobodyHasTheFileItIsOpenedAsEver) {
  const auto next = open_successor();
  next->put(shared_response(1));
  next->flush();
  EXPECT_EQ(next->statistics()[0].entries, 1U);
}

}  // namespace
}  // namespace roktcached::storage
