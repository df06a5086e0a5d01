#include "storage/tiered_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/storage/sqlite/failing_disk.h"
#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::mebibyte;
using examples::noon;
using examples::shared_response;
using namespace std::chrono_literals;

class TieredStoreTest : public SqliteStoreFixture {
 protected:
  std::unique_ptr<TieredStore> tiered(std::uint64_t memory) {
    return std::make_unique<TieredStore>(std::make_unique<MemoryStore>(memory), open());
  }
};

TEST_F(TieredStoreTest, HasBothTiersTheFastestFirst) {
  const auto store = tiered(mebibyte);
  const auto tiers = store->statistics();
  ASSERT_EQ(tiers.size(), 2U);
  EXPECT_EQ(tiers[0].tier, "memory");
  EXPECT_EQ(tiers[1].tier, "disk");
}

TEST_F(TieredStoreTest, WithoutADiskMemoryIsAll) {
  TieredStore store(std::make_unique<MemoryStore>(mebibyte), nullptr);
  store.put(shared_response(1));
  store.flush();
  EXPECT_NE(store.find_in_memory(key(1), noon), nullptr);
  EXPECT_EQ(store.find(key(2), noon).value(), nullptr);
  EXPECT_EQ(store.statistics().size(), 1U);
}

TEST_F(TieredStoreTest, AHitOnTheDiskIsKeptInMemory) {
  { tiered(mebibyte)->put(shared_response(1)); }
  const auto store = tiered(mebibyte);
  EXPECT_EQ(store->find_in_memory(key(1), noon), nullptr);
  const auto read = store->find(key(1), noon).value();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(store->find_in_memory(key(1), noon), read);
}

TEST_F(TieredStoreTest, WhatIsReadAtOnceIsKeptInMemory) {
  { tiered(mebibyte)->put(shared_response(1)); }
  const auto store = tiered(mebibyte);
  EXPECT_EQ(store->find(key(2), noon).value(), nullptr) << "brings the file into the kernel's memory";
  const auto read = store->find_at_once(key(1), noon);
  ASSERT_TRUE(read && *read);
  EXPECT_TRUE(examples::same(**read, *shared_response(1)));
  EXPECT_EQ(store->find_in_memory(key(1), noon), *read);
}

TEST_F(TieredStoreTest, WhatIsReadAtOnceTakesAnothersPlaceOnlyTheSecondTime) {
  constexpr int count = 500;
  {
    const auto store = tiered(20'000);
    for (int number = 0; number < count; ++number) store->put(shared_response(number));
  }
  const auto store = tiered(20'000);
  EXPECT_EQ(store->find(key(count), noon).value(), nullptr) << "brings the file into the kernel's memory";
  for (int number = 0; number < count; ++number)
    ASSERT_TRUE(store->find_at_once(key(number), noon).value_or(nullptr)) << number;
  EXPECT_EQ(store->statistics()[0].evictions, 0U);
  EXPECT_EQ(store->find_in_memory(key(count - 1), noon), nullptr) << "there was no room for it";
  const auto again = store->find_at_once(key(count - 1), noon).value_or(nullptr);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(store->find_in_memory(key(count - 1), noon), again);
}

TEST_F(TieredStoreTest, WhatTheProcessBeforeHasPurgedLeavesMemoryWithoutWaitingForTheFile) {
  const auto former = open();
  former->put(shared_response(1));
  former->flush();
  SqliteOptions options = options_;
  options.is_successor = true;
  TieredStore next(std::make_unique<MemoryStore>(mebibyte), SqliteStore::open(std::move(options)).value());
  ASSERT_NE(next.find(key(1), noon).value(), nullptr);
  ASSERT_TRUE(former->purge({}, noon));
  EXPECT_NE(next.find_in_memory(key(1), noon), nullptr) << "it does not know of that";
  EXPECT_EQ(next.purge_after_other({}, noon).value(), 1U);
  EXPECT_EQ(next.find(key(1), noon).value(), nullptr);
}

TEST_F(TieredStoreTest, WithoutADiskAllIsKnownAtOnce) {
  TieredStore store(std::make_unique<MemoryStore>(mebibyte), nullptr);
  EXPECT_EQ(store.find_at_once(key(1), noon), std::optional<StoredResponsePtr>(nullptr));
  store.put(shared_response(1));
  const auto found = store.find_at_once(key(1), noon);
  EXPECT_TRUE(found && *found);
}

TEST_F(TieredStoreTest, WhatIsPutIsInMemoryAtOnceAndOnTheDiskBehind) {
  const auto put = shared_response(1);
  {
    const auto store = tiered(mebibyte);
    store->put(put);
    EXPECT_EQ(store->find_in_memory(key(1), noon), put);
  }
  EXPECT_TRUE(examples::same(*found(*open(), 1), *put));
}

TEST_F(TieredStoreTest, WhatMemoryCannotKeepIsFoundWhileItWaits) {
  options_.linger = 1h;
  const auto store = tiered(1000);
  const auto put = shared_response(1, std::string(10'000, 'a'));
  EXPECT_EQ(store->put(put), caching::Storing::stored) << "one tier is enough";
  EXPECT_EQ(store->statistics()[0].entries, 0U);
  EXPECT_EQ(store->find_in_memory(key(1), noon), put);
  store->flush();
  EXPECT_EQ(store->find_in_memory(key(1), noon), nullptr);
  EXPECT_TRUE(examples::same(*store->find(key(1), noon).value(), *put));
}

TEST_F(TieredStoreTest, AResponseTooLargeForMemoryHidesTheEarlierOne) {
  const auto store = tiered(mebibyte);
  store->put(shared_response(1, "small"));
  const auto large = shared_response(1, std::string(2 * mebibyte, 'a'));
  store->put(large);
  store->flush();
  EXPECT_TRUE(examples::same(*store->find(key(1), noon).value(), *large));
}

TEST_F(TieredStoreTest, WhatBothTiersGiveUpIsNotStored) {
  options_.linger = 1h;
  options_.queue = {.entries = 1, .bytes = std::uint64_t{64} << 20};
  const auto store = tiered(1000);
  const std::string body(10'000, 'a');
  EXPECT_EQ(store->put(shared_response(1, body)), caching::Storing::stored) << "it waits for the disk";
  EXPECT_EQ(store->put(shared_response(2, body)), caching::Storing::no_room) << "the queue is full";
  TieredStore memory_only(std::make_unique<MemoryStore>(1000), nullptr);
  EXPECT_EQ(memory_only.put(shared_response(1, body)), caching::Storing::too_large_for_cache);
}

/// What was read may have been purged, or replaced, before it comes into memory.
TEST_F(TieredStoreTest, WhatIsPurgedWhileItIsReadDoesNotComeBackIntoMemory) {
  for (const bool at_once : {false, true}) {
    { tiered(mebibyte)->put(shared_response(1)); }
    TieredStore* reading = nullptr;
    TieredStore store(std::make_unique<MemoryStore>(mebibyte), open(), [&](StoredResponsePtr read) {
      EXPECT_TRUE(reading->purge({caching::Everything{}, caching::PurgeKind::hard}, noon));
      return read;
    });
    reading = &store;
    EXPECT_EQ(store.find(key(2), noon).value(), nullptr) << "brings the file into the kernel's memory";
    const auto read =
        at_once ? store.find_at_once(key(1), noon).value_or(nullptr) : store.find(key(1), noon).value();
    EXPECT_NE(read, nullptr) << "it was there when it was asked for";
    EXPECT_EQ(store.find_in_memory(key(1), noon), nullptr);
  }
}

/// Whoever is told that it failed asks again; what memory has must not be served until then.
TEST_F(TieredStoreTest, MemoryIsPurgedAlsoWhereTheDiskFails) {
  const auto store = tiered(mebibyte);
  store->put(shared_response(1));
  store->flush();
  const FailingDisk disk;
  FailingDisk::fail_writes(FailingDisk::always);
  EXPECT_FALSE(store->purge({caching::Everything{}, caching::PurgeKind::hard}, noon));
  EXPECT_EQ(store->find_in_memory(key(1), noon), nullptr);
}

TEST_F(TieredStoreTest, AMemoryThatEvictsAllTheTimeLosesNothing) {
  const auto store = tiered(20'000);
  for (int number = 0; number < 500; ++number) store->put(shared_response(number, std::string(1000, 'a')));
  for (int number = 0; number < 500; ++number)
    ASSERT_NE(store->find(key(number), noon).value(), nullptr) << number;
  EXPECT_GT(store->statistics()[0].evictions, 0U);
}

TEST_F(TieredStoreTest, ADamagedRowIsAnErrorOnceAndThenAMiss) {
  { tiered(mebibyte)->put(shared_response(1)); }
  const auto store = tiered(mebibyte);
  connect().execute("UPDATE responses SET head = 'X: y'").value();
  const auto damaged = store->find(key(1), noon);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::storage_corrupt);
  store->flush();
  EXPECT_EQ(store->find(key(1), noon).value(), nullptr);
}

/// Readers promote from the disk what a writer replaces, with a memory so small that most of it is evicted at
/// once.
TEST_F(TieredStoreTest, PromotingNeverHidesANewerResponse) {
  constexpr int keys = 40;
  const auto store = tiered(15'000);
  std::vector<std::atomic<int>> put(keys);
  std::atomic<int> wrong = 0;
  std::atomic<bool> finished = false;
  const auto read = [&] {
    for (int i = 0; !finished; ++i) {
      const auto number = static_cast<std::size_t>(i % keys);
      const int least = put[number];
      const Key asked = key(static_cast<int>(number));
      StoredResponsePtr response;
      if (i / keys % 2 == 0) {
        response = store->find_at_once(asked, noon).value_or(nullptr);
      } else if (const auto found = store->find(asked, noon)) {
        response = *found;
      }
      if (response && std::stoi(std::string(*response->body)) < least) ++wrong;
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  for (int version = 1; version <= 200; ++version) {
    for (int number = 0; number < keys; ++number) {
      store->put(shared_response(
          number, std::to_string(version) + std::string(static_cast<std::size_t>(version % 3) * 400, ' ')));
      put[static_cast<std::size_t>(number)] = version;
    }
    if (version % 10 == 0) store->flush();
  }
  finished = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(store->statistics()[0].evictions, 0U);
}

}  // namespace
}  // namespace roktcached::storage
