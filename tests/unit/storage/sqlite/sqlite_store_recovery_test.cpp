/// A disk that fails for a while, and other hands at the files: what is lost, what is not, and that the disk
/// tier comes back by itself.
#include <gtest/gtest.h>

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
namespace fs = std::filesystem;

class SqliteStoreRecoveryTest : public SqliteStoreFixture {
 protected:
  static constexpr int count = 300;

  SqliteStoreRecoveryTest() { options_.look_every = 1ms; }

  static StoredResponsePtr made(int number) {
    return shared_response(number, noise(2000, static_cast<std::uint64_t>(number)));
  }
  void fill() {
    const auto store = open();
    for (int number = 0; number < count; ++number) store->put(made(number));
  }
  static bool has(SqliteStore& store, int number) {
    const auto read = store.find(key(number), noon);
    return read && *read && same(**read, *made(number));
  }
  static void expect_all(SqliteStore& store) {
    for (int number = 0; number < count; ++number) ASSERT_TRUE(has(store, number)) << number;
  }
  static TierStatistics of(const SqliteStore& store) { return store.statistics()[0]; }
  template <class Condition>
  [[nodiscard]] static bool comes_true(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  [[nodiscard]] bool was_said(const std::string& words) {
    for (const std::string& line : reports()) {
      if (line.find(words) != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(SqliteStoreRecoveryTest, AReadThatFailsTwiceIsRepeated) {
  fill();
  const auto store = open();
  FailingDisk::fail_reads(2);
  EXPECT_TRUE(has(*store, 150));
  EXPECT_EQ(FailingDisk::reads, 0);
  EXPECT_EQ(of(*store).errors, 2U);
  EXPECT_EQ(of(*store).trouble, "");
  store->flush();
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0) << "SQLite calls it damage";
  expect_all(*store);
}

TEST_F(SqliteStoreRecoveryTest, WhileNothingCanBeReadFindsAreMissesAndNothingIsLost) {
  fill();
  const auto store = open();
  const FailingDisk disk;
  FailingDisk::fail_reads(FailingDisk::always);
  for (int number = 0; number < 100; ++number) EXPECT_FALSE(has(*store, number));
  EXPECT_LT(of(*store).errors, 100U) << "they are not even tried";
  EXPECT_NE(of(*store).trouble.find("cannot be read: "), std::string::npos) << of(*store).trouble;
  EXPECT_EQ(store->find_at_once(key(1), noon), std::optional<StoredResponsePtr>(nullptr));
  store->put(made(1000));
  FailingDisk::heal();
  ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); }));
  expect_all(*store);
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
  EXPECT_LE(reports().size(), 4U);
  EXPECT_TRUE(was_said("cannot be read"));
}

TEST_F(SqliteStoreRecoveryTest, AWriteThatFailsIsRepeated) {
  const auto store = open();
  FailingDisk::fail_writes(2);
  store->put(made(1));
  store->flush();
  EXPECT_EQ(FailingDisk::writes, 0);
  EXPECT_EQ(of(*store).dropped_writes, 0U);
  EXPECT_GT(of(*store).errors, 0U);
  EXPECT_TRUE(has(*store, 1));
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(integer("SELECT count(*) FROM responses"), 1);
}

TEST_F(SqliteStoreRecoveryTest, WhileNothingCanBeWrittenReadsGoOnAndThenWritingDoes) {
  fill();
  const auto store = open();
  const FailingDisk disk;
  FailingDisk::fail_writes(FailingDisk::always);
  for (int number = 1000; number < 1010; ++number) {
    store->put(made(number));
    store->flush();
  }
  EXPECT_EQ(of(*store).dropped_writes, 10U);
  EXPECT_NE(of(*store).trouble.find("cannot be written: "), std::string::npos) << of(*store).trouble;
  expect_all(*store);
  EXPECT_EQ(reports().size(), 1U);
  FailingDisk::heal();
  ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); }));
  store->put(made(1010));
  store->flush();
  EXPECT_TRUE(has(*store, 1010));
  EXPECT_TRUE(was_said("is written again"));
}

TEST_F(SqliteStoreRecoveryTest, ACheckpointThatFailsIsSaidAndLosesNothing) {
  const FailingDisk disk;
  {
    const auto store = open();
    FailingDisk::fail_syncs(FailingDisk::always);
    for (int number = 0; number < count; ++number) {
      store->put(shared_response(number, noise(30'000, static_cast<std::uint64_t>(number))));
      if (number % 50 == 49) store->flush();
    }
    store->flush();
    EXPECT_GT(of(*store).errors, 0U);
    EXPECT_TRUE(was_said("moving the log into the cache file")) << of(*store).trouble;
    FailingDisk::heal();
    ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); })) << of(*store).trouble;
  }
  const auto store = open();
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
  EXPECT_EQ(integer("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

TEST_F(SqliteStoreRecoveryTest, APurgeThatFailsSaysSoAndTheNextReachesAll) {
  fill();
  const auto store = open();
  const FailingDisk disk;
  FailingDisk::fail_writes(FailingDisk::always);
  const caching::Purge account{caching::OfAccount{"7", {}}, caching::PurgeKind::hard};
  const auto failed = store->purge(account, noon);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().retryable);
  FailingDisk::heal();
  EXPECT_EQ(store->purge(account, noon).value(), static_cast<std::uint64_t>(count));
  EXPECT_EQ(integer("SELECT count(*) FROM responses"), 0);
}

TEST_F(SqliteStoreRecoveryTest, AStoreStartsWhileItsDiskFails) {
  fill();
  const FailingDisk disk;
  FailingDisk::fail_reads(FailingDisk::always);
  const auto store = open();
  EXPECT_NE(of(*store).trouble, "");
  EXPECT_FALSE(has(*store, 1));
  EXPECT_FALSE(store->purge({caching::Everything{}, caching::PurgeKind::hard}, noon))
      << "its rows would be there again";
  FailingDisk::heal();
  ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); })) << of(*store).trouble;
  expect_all(*store);
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

TEST_F(SqliteStoreRecoveryTest, AFileThatIsDeletedIsBegunAnew) {
  fill();
  const auto store = open();
  EXPECT_TRUE(has(*store, 1));
  fs::remove(options_.path);
  ASSERT_TRUE(comes_true([&] { return fs::exists(options_.path) && of(*store).entries == 0; }));
  ASSERT_TRUE(comes_true([&] { return was_said("was deleted"); }));
  EXPECT_EQ(found(*store, 1), nullptr);
  store->put(made(2));
  store->flush();
  EXPECT_TRUE(has(*store, 2));
  EXPECT_EQ(integer("SELECT count(*) FROM responses"), 1) << "in the file that has the name";
}

TEST_F(SqliteStoreRecoveryTest, AFileThatIsReplacedIsReadWithoutTheOldLog) {
  fill();
  const std::string copy = folder_.file("copy.db");
  fs::copy_file(options_.path, copy);
  fs::permissions(copy, fs::perms::owner_read | fs::perms::owner_write);
  const auto store = open();
  for (int number = 1000; number < 1050; ++number) store->put(made(number));  // they are in the log
  store->flush();
  fs::rename(copy, options_.path);
  ASSERT_TRUE(comes_true([&] { return was_said("was replaced by another file"); }));
  expect_all(*store);
  EXPECT_EQ(found(*store, 1000), nullptr);
  EXPECT_EQ(integer("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

TEST_F(SqliteStoreRecoveryTest, ADirectoryInItsPlaceKeepsTheTierAwayUntilItIsGone) {
  fill();
  const auto store = open();
  fs::rename(options_.path, folder_.file("elsewhere"));
  fs::create_directory(options_.path);
  examples::write_file(options_.path + "/something", "of somebody's");
  ASSERT_TRUE(comes_true([&] { return !of(*store).trouble.empty(); }));
  EXPECT_NE(of(*store).trouble.find("is a directory"), std::string::npos) << of(*store).trouble;
  EXPECT_EQ(found(*store, 1), nullptr);
  store->put(made(1));
  store->flush();
  EXPECT_GT(of(*store).dropped_writes, 0U);
  fs::remove(options_.path + "/something");
  ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); })) << "an empty one holds nothing";
  store->put(made(1));
  store->flush();
  EXPECT_TRUE(has(*store, 1));
}

TEST_F(SqliteStoreRecoveryTest, ALogThatIsDeletedLosesNothing) {
  fill();
  const auto store = open();
  store->put(made(1000));
  store->flush();
  fs::remove(options_.path + "-wal");
  ASSERT_TRUE(comes_true([&] { return was_said("-wal: was deleted"); }));
  expect_all(*store);
  EXPECT_TRUE(has(*store, 1000));
  fs::remove(options_.path + "-shm");
  ASSERT_TRUE(comes_true([&] { return was_said("-shm: was deleted"); }));
  expect_all(*store);
}

TEST_F(SqliteStoreRecoveryTest, AFolderThatIsDeletedIsMadeAgain) {
  options_.path = folder_.file("inner/cache.db");
  const auto store = open();
  store->put(made(1));
  store->flush();
  fs::rename(folder_.file("inner"), folder_.file("gone"));  // at once: the store looks at its files meanwhile
  fs::remove_all(folder_.file("gone"));
  ASSERT_TRUE(comes_true([&] { return fs::exists(options_.path) && was_said("was deleted"); }));
  store->put(made(2));
  store->flush();
  EXPECT_TRUE(has(*store, 2));
  EXPECT_FALSE(SqliteStore::open(options_)) << "the lock is there again, too";
}

TEST_F(SqliteStoreRecoveryTest, ALockFileThatIsDeletedIsLockedAgain) {
  const auto store = open();
  fs::remove(options_.path + ".lock");
  ASSERT_TRUE(comes_true([&] { return was_said(".lock: was deleted or replaced"); }));
  const auto second = SqliteStore::open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::storage_in_use);
}

TEST_F(SqliteStoreRecoveryTest, ALongReadOfAnotherProgramDoesNotMakeTheLogGrowWithoutBound) {
  options_.max_disk = std::uint64_t{64} << 20;
  const auto store = open();
  store->put(made(1));
  store->flush();
  auto shell = connect();
  shell.execute("BEGIN").value();
  ASSERT_EQ(shell.integer("SELECT count(*) FROM responses").value(), 1);
  for (int number = 1000; number < 1100; ++number) {
    store->put(shared_response(number, noise(1 << 20, static_cast<std::uint64_t>(number))));
    store->flush();
    ASSERT_LE(fs::file_size(options_.path + "-wal"), std::uintmax_t{24} << 20);
  }
  EXPECT_GT(of(*store).dropped_writes, 0U);
  EXPECT_NE(of(*store).trouble.find("while another program reads it"), std::string::npos)
      << of(*store).trouble;
  const auto purged = store->purge({caching::WithKey{key(1).hash()}, caching::PurgeKind::hard}, noon);
  EXPECT_TRUE(purged) << "there is room for that";
  shell.execute("ROLLBACK").value();
  ASSERT_TRUE(comes_true([&] { return of(*store).trouble.empty(); }));
  store->put(made(2));
  store->flush();
  EXPECT_TRUE(has(*store, 2));
  EXPECT_LE(size_on_disk(), options_.max_disk);
  int said = 0;
  for (const std::string& line : reports())
    said += line.find("log has reached its bound") != std::string::npos;
  EXPECT_EQ(said, 1);
}

}  // namespace
}  // namespace roktcached::storage
