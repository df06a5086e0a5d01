#include "storage/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "storage/sqlite/cache_file.h"
#include "tests/unit/colliding_keys.h"
#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::noon;
using examples::same;
using examples::shared_response;
using namespace std::chrono_literals;

using SqliteStoreTest = SqliteStoreFixture;

TEST_F(SqliteStoreTest, WhatIsQueuedReachesTheDiskWhenItCloses) {
  options_.linger = 1h;
  {
    const auto store = open();
    for (int number = 0; number < 100; ++number) store->put(shared_response(number));
  }
  const auto store = open();
  EXPECT_EQ(store->statistics()[0].entries, 100U);
  for (int number = 0; number < 100; ++number) {
    const auto response = found(*store, number);
    ASSERT_NE(response, nullptr) << number;
    EXPECT_TRUE(examples::same(*response, *shared_response(number)));
  }
}

TEST_F(SqliteStoreTest, TotalsAreThereAfterOpeningAgain) {
  std::uint64_t bytes = 0;
  {
    const auto store = open();
    for (int number = 0; number < 50; ++number) store->put(shared_response(number));
    store->flush();
    bytes = store->statistics()[0].bytes;
  }
  const auto store = open();
  EXPECT_GT(bytes, 0U);
  EXPECT_EQ(store->statistics()[0].bytes, bytes);
  EXPECT_EQ(store->statistics()[0].entries, 50U);
}

TEST_F(SqliteStoreTest, WhatWaitsIsFoundWithoutTheDisk) {
  options_.linger = 1h;
  const auto store = open();
  const auto put = shared_response(1);
  store->put(put);
  EXPECT_EQ(store->find_queued(key(1)), put);
  EXPECT_EQ(found(*store, 1), put);
  EXPECT_EQ(store->statistics()[0].queued_writes, 1U);
  store->flush();
  EXPECT_EQ(store->find_queued(key(1)), nullptr);
  EXPECT_NE(found(*store, 1), nullptr);
}

TEST_F(SqliteStoreTest, AFullQueueDropsAndCounts) {
  options_.linger = 1h;
  options_.queue = {.entries = 4, .bytes = std::uint64_t{64} << 20};
  const auto store = open();
  for (int number = 0; number < 10; ++number)
    EXPECT_EQ(store->put(shared_response(number)),
              number < 4 ? caching::Storing::stored : caching::Storing::no_room);
  EXPECT_EQ(store->statistics()[0].dropped_writes, 6U);
  store->flush();
  EXPECT_EQ(store->statistics()[0].entries, 4U);
  store->put(shared_response(9));
  store->flush();
  EXPECT_NE(found(*store, 9), nullptr) << "there is room again";
}

TEST_F(SqliteStoreTest, OneThatTakesMoreThanAnEighthOfItIsNotKept) {
  options_.max_disk = std::uint64_t{32} << 20;
  options_.queue.bytes = options_.max_disk;
  const std::uint64_t eighth = options_.max_disk / 8;
  const auto sized = [](int number, std::uint64_t memory_size) {
    const std::uint64_t rest = shared_response(number, std::string(1 << 20, 'a'))->memory_size() - (1 << 20);
    return shared_response(number, std::string(memory_size - rest, 'a'), recently());
  };
  const auto fits = sized(1, eighth);
  ASSERT_EQ(fits->memory_size(), eighth);
  const auto is_too_large = sized(2, eighth + 16);  // it is counted as malloc rounds it
  ASSERT_EQ(is_too_large->memory_size(), eighth + 16);
  const auto store = open();
  EXPECT_EQ(store->put(fits), caching::Storing::stored);
  EXPECT_EQ(store->put(is_too_large), caching::Storing::too_large_for_cache);
  EXPECT_EQ(store->find_queued(key(2)), nullptr);
  store->flush();
  EXPECT_NE(found(*store, 1), nullptr);
  EXPECT_EQ(found(*store, 2), nullptr);
  EXPECT_EQ(store->statistics()[0].dropped_writes, 1U);
}

TEST_F(SqliteStoreTest, AKeyThatSharesAnothersHashFindsNothingOfIt) {
  const auto [one, other] = caching::colliding_keys();
  StoredResponse response = examples::response(1, "{}", recently());
  response.key = one;
  options_.linger = 1h;
  const auto store = open();
  store->put(examples::shared(response));
  EXPECT_NE(store->find_queued(one), nullptr);
  EXPECT_EQ(store->find_queued(other), nullptr);
  EXPECT_EQ(store->find(other, examples::noon).value(), nullptr);
  store->flush();
  ASSERT_NE(store->find(one, examples::noon).value(), nullptr);
  EXPECT_EQ(store->find(other, examples::noon).value(), nullptr);
  const auto at_once = store->find_at_once(other, examples::noon);
  EXPECT_FALSE(at_once && *at_once);
}

TEST_F(SqliteStoreTest, AUseIsNotNotedWhileThereIsMuchRoom) {
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  EXPECT_NE(store->find(key(1), noon + 11min).value(), nullptr);
  store->flush();
  EXPECT_EQ(integer("SELECT last_used_at_unix_ms FROM responses"), unix_ms(noon));
}

TEST_F(SqliteStoreTest, AUseIsNotedOnceInTenMinutes) {
  options_.max_disk = std::uint64_t{32} << 20;
  const auto store = open();
  store->put(shared_response(1));
  for (int number = 2; number < 5; ++number)  // more than half of what the log leaves
    store->put(
        shared_response(number, examples::noise(3 << 20, static_cast<std::uint64_t>(number)), recently()));
  store->flush();
  const auto use_at = [&](WallTime now) {
    EXPECT_NE(store->find(key(1), now).value(), nullptr);
    store->flush();
    return integer("SELECT last_used_at_unix_ms FROM responses WHERE campaign_id = '1'");
  };
  EXPECT_EQ(use_at(noon + 10min), unix_ms(noon));
  EXPECT_EQ(use_at(noon + 11min), unix_ms(noon + 11min));
  EXPECT_EQ(use_at(noon + 20min), unix_ms(noon + 11min));
  EXPECT_EQ(use_at(noon + 11min - 5s), unix_ms(noon + 11min)) << "a clock that is a little behind";
  EXPECT_EQ(use_at(noon - 1h), unix_ms(noon - 1h)) << "a clock that was set back";
}

TEST_F(SqliteStoreTest, ASecondProcessIsRefused) {
  const auto store = open();
  const auto second = SqliteStore::open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::storage_in_use);
  expect_names_path(second.error());
}

TEST_F(SqliteStoreTest, ClosedItMayBeOpenedAgain) {
  { const auto store = open(); }
  EXPECT_TRUE(SqliteStore::open(options_));
}

TEST_F(SqliteStoreTest, ADirectoryIsRefused) {
  std::filesystem::create_directory(options_.path);
  const auto opened = SqliteStore::open(options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  expect_names_path(opened.error());
}

TEST_F(SqliteStoreTest, ANewerFileIsRefusedAndStays) {
  { const auto store = open(); }
  connect().execute("PRAGMA user_version = 99").value();
  const auto opened = SqliteStore::open(options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  expect_names_path(opened.error());
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
  EXPECT_EQ(integer("PRAGMA user_version"), 99);
}

TEST_F(SqliteStoreTest, AFileOfAnEarlierVersionIsBegunAnewAndThatIsSaidOnce) {
  {
    const auto store = open();
    store->put(shared_response(1));
    store->flush();
  }
  connect().execute("PRAGMA user_version = 4").value();
  {
    const auto store = open();
    EXPECT_EQ(store->find(key(1), noon).value(), nullptr);
    store->put(shared_response(2));
    store->flush();
  }
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_NE(reports()[0].find("1 entries are deleted"), std::string::npos) << reports()[0];
  const auto store = open();
  EXPECT_NE(store->find(key(2), noon).value(), nullptr);
  EXPECT_EQ(reports().size(), 1U);
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

TEST_F(SqliteStoreTest, WhatOneOwnerOfANameHasFetchedIsNotTheNextOnes) {
  const auto kept_for = [&](const std::string& name, const std::string& fingerprint) {
    options_.owners = {{name, fingerprint}};
    const auto store = open();
    return store->find(key(1), noon).value() != nullptr;
  };
  options_.owners = {{"default", "tenant-a"}};
  {
    const auto store = open();
    store->put(shared_response(1));
    store->flush();
  }
  EXPECT_TRUE(kept_for("another", "tenant-b")) << "keys have the name in them";
  EXPECT_TRUE(kept_for("default", "tenant-a"));
  EXPECT_FALSE(kept_for("default", "tenant-b"));
  EXPECT_FALSE(kept_for("default", "tenant-a")) << "it is gone";
}

TEST_F(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefusedAndStays) {
  connect().execute("CREATE TABLE notes (text); INSERT INTO notes VALUES ('dear')").value();
  const auto opened = SqliteStore::open(options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  expect_names_path(opened.error());
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
  EXPECT_EQ(integer("SELECT count(*) FROM notes"), 1);
}

TEST_F(SqliteStoreTest, AFileOfZeroBytesIsAFreshOne) {
  examples::write_file(options_.path, "");
  ::chmod(options_.path.c_str(), 0600);
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  EXPECT_NE(found(*store, 1), nullptr);
  EXPECT_TRUE(reports().empty());
}

TEST_F(SqliteStoreTest, TheBoundIsHeld) {
  constexpr std::uint64_t bound = std::uint64_t{48} << 20;
  constexpr std::uint64_t of_its_log = std::uint64_t{16} << 20;
  constexpr auto most_pages = static_cast<std::int64_t>(bound - of_its_log) / page_size * 95 / 100;
  const auto pages_in_use = [this] {
    return integer("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count");
  };
  options_.max_disk = bound;
  const auto store = open();
  constexpr std::size_t body_size = 100'000;
  constexpr int count = static_cast<int>(3 * bound / body_size);
  for (int number = 0; number < count; ++number) {
    const WallTime fetched_at = recently() + std::chrono::milliseconds{number};
    store->put(
        shared_response(number, examples::noise(body_size, static_cast<std::uint64_t>(number)), fetched_at));
    if (number % 20 != 0) continue;
    store->flush();
    ASSERT_LE(size_on_disk(), bound) << number;
    ASSERT_LE(pages_in_use(), most_pages) << "there is room for the next batch: " << number;
  }
  store->flush();
  EXPECT_TRUE(reports().empty()) << reports().front();
  const auto statistics = store->statistics()[0];
  EXPECT_EQ(statistics.dropped_writes, 0U);
  EXPECT_GT(statistics.evictions, 0U);
  EXPECT_NE(found(*store, count - 1), nullptr) << "the most recent one";
  EXPECT_EQ(found(*store, 0), nullptr) << "the least recent one";
  EXPECT_GT(statistics.bytes, bound / 3) << "what it may use, it uses";
}

TEST_F(SqliteStoreTest, EvictingLetsGoOfNoMoreThanItMust) {
  constexpr std::uint64_t bound = std::uint64_t{128} << 20;
  options_.max_disk = bound;
  const auto store = open();
  std::uint64_t most = 0;
  for (int number = 0; number < 400; ++number) {
    store->put(
        shared_response(number, examples::noise(500'000, static_cast<std::uint64_t>(number)), recently()));
    store->flush();
    const std::uint64_t bytes = store->statistics()[0].bytes;
    most = std::max(most, bytes);
    ASSERT_GT(bytes, most / 2) << "after " << number;
  }
  EXPECT_GT(store->statistics()[0].evictions, 0U);
}

TEST_F(SqliteStoreTest, ABatchThatDoesNotFitMakesItsRoom) {
  options_.max_disk = std::uint64_t{32} << 20;
  const auto store = open();
  for (int round = 0; round < 20; ++round) {
    for (int number = 0; number < 3; ++number) {
      const int unique = round * 3 + number;
      store->put(shared_response(unique, examples::noise(1'000'000, static_cast<std::uint64_t>(unique)),
                                 recently()));
    }
    store->flush();
    ASSERT_TRUE(reports().empty()) << round << ": " << reports().front();
    ASSERT_NE(found(*store, round * 3), nullptr) << round;
  }
  EXPECT_EQ(store->statistics()[0].dropped_writes, 0U);
}

TEST_F(SqliteStoreTest, OneThatCanNeverFitIsDroppedAndTheOthersAreKept) {
  options_.max_disk = std::uint64_t{32} << 20;
  options_.retry_after = 0ms;
  const auto store = open();
  store->put(shared_response(1, examples::noise(30 << 20, 1), recently()));
  store->flush();
  EXPECT_EQ(found(*store, 1), nullptr);
  EXPECT_EQ(store->statistics()[0].dropped_writes, 1U);
  store->put(shared_response(2, "{}", recently()));
  store->flush();
  EXPECT_NE(found(*store, 2), nullptr);
}

}  // namespace
}  // namespace roktcached::storage
