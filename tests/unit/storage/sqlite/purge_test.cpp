#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "storage/tiered_store.h"
#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using caching::Everything;
using caching::OfAccount;
using caching::Purge;
using caching::PurgeKind;
using caching::WithKey;
using examples::key;
using examples::mebibyte;
using examples::noon;
using examples::same;
using examples::shared_response;
using namespace std::chrono_literals;

const Purge everything{Everything{}, PurgeKind::hard};

using PurgeTest = SqliteStoreFixture;

TEST_F(PurgeTest, IsOnTheDiskWhenItReturns) {
  options_.linger = 1h;
  const auto store = open();
  for (int number = 0; number < 3; ++number) store->put(shared_response(number));
  store->flush();
  store->put(shared_response(3));
  EXPECT_EQ(store->purge({OfAccount{"7", "1"}, PurgeKind::hard}, noon).value(), 1U);
  EXPECT_EQ(integer("SELECT count(*) FROM responses WHERE campaign_id = '1'"), 0);
  EXPECT_EQ(store->purge(everything, noon).value(), 3U) << "two rows and one that was queued";
  EXPECT_EQ(integer("SELECT count(*) FROM responses"), 0);
  EXPECT_EQ(integer("SELECT entries + bytes FROM totals"), 0);
}

TEST_F(PurgeTest, TheTotalsAreCountedOnAfterEverythingWent) {
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  EXPECT_EQ(store->purge(everything, noon).value(), 1U);
  EXPECT_EQ(found(*store, 1), nullptr);
  for (int number = 0; number < 3; ++number) store->put(shared_response(number));
  store->flush();
  EXPECT_NE(found(*store, 1), nullptr);
  EXPECT_EQ(store->purge({OfAccount{"7", "1"}, PurgeKind::hard}, noon).value(), 1U);
  EXPECT_EQ(integer("SELECT entries FROM totals"), 2);
  EXPECT_EQ(store->purge(everything, noon).value(), 2U);
}

TEST_F(PurgeTest, ASoftOneSurvivesARestart) {
  const WallTime now = noon + 10min;
  const auto put = shared_response(1, std::string(20'000, 'a'));
  {
    const auto store = open();
    store->put(put);
    store->flush();
    EXPECT_EQ(store->purge({Everything{}, PurgeKind::soft}, now).value(), 1U);
  }
  EXPECT_TRUE(same(*found(*open(), 1), caching::made_stale(*put, now)));
}

TEST_F(PurgeTest, ASoftOneOfWhatIsQueuedAndOnTheDiskCountsOnce) {
  options_.linger = 1h;
  const auto store = open();
  store->put(shared_response(1, "early"));
  store->flush();
  store->put(shared_response(1, "later"));
  EXPECT_EQ(store->purge({Everything{}, PurgeKind::soft}, noon + 1min).value(), 1U);
  EXPECT_EQ(*found(*store, 1)->body, "later");
  EXPECT_EQ(found(*store, 1)->fresh_until, noon + 1min);
}

TEST_F(PurgeTest, AMarkThatIsNotWhatWasWrittenMakesTheRowDamaged) {
  {
    const auto store = open();
    store->put(shared_response(1));
    store->flush();
    EXPECT_EQ(store->purge({Everything{}, PurgeKind::soft}, noon + 1min).value(), 1U);
  }
  connect().execute("UPDATE responses SET stale_since_unix_ms = 0").value();
  const auto read = open()->find(key(1), noon);
  ASSERT_FALSE(read) << "would be fresh again";
  EXPECT_EQ(read.error().code, ErrorCode::storage_corrupt);
}

TEST_F(PurgeTest, AClockThatWasSetBackDoesNotMakeASoftPurgeFreshAgain) {
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  const Purge soft{Everything{}, PurgeKind::soft};
  EXPECT_EQ(store->purge(soft, noon + 30min).value(), 1U);
  EXPECT_EQ(store->purge(soft, noon + 10min).value(), 1U);
  EXPECT_EQ(found(*store, 1)->fresh_until, noon + 10min);
}

TEST_F(PurgeTest, WhatIsPutWhileALargePurgeRunsIsKept) {
  const auto store = open();
  for (int number = 0; number < 5000; ++number) store->put(shared_response(number));
  store->flush();
  const Purge account{OfAccount{"7", {}}, PurgeKind::hard};
  auto purged = std::async(std::launch::async, [&] { return store->purge(account, noon).value(); });
  int put = 10'000;
  while (purged.wait_for(0s) != std::future_status::ready && put < 17'000) {
    store->put(shared_response(put++));
    std::this_thread::yield();
  }
  EXPECT_GE(purged.get(), 5000U);
  store->put(shared_response(1));
  store->flush();
  EXPECT_NE(found(*store, 1), nullptr);
  EXPECT_EQ(store->statistics()[0].dropped_writes, 0U);
  EXPECT_EQ(found(*store, 4999), nullptr);
}

TEST_F(PurgeTest, ADamagedFileIsRemovedByAHardOne) {
  const auto store = open();
  for (int number = 0; number < 200; ++number) store->put(shared_response(number, examples::noise(5000, 1)));
  store->flush();
  connect().execute("PRAGMA wal_checkpoint(TRUNCATE)").value();
  std::string contents = examples::contents_of(options_.path);
  contents.replace(4096, contents.size() - 4096, contents.size() - 4096, 'x');
  examples::write_file(options_.path, contents);
  const auto purged = store->purge(everything, noon);
  for (int number = 0; number < 200; ++number) {
    const auto read = store->find(key(number), noon);
    EXPECT_TRUE(!read || !*read);
  }
  EXPECT_TRUE(purged) << purged.error().context;
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0) << "nobody can say what is in it";
}

TEST_F(PurgeTest, MemoryIsPurgedBehindTheDisk) {
  TieredStore store(std::make_unique<MemoryStore>(mebibyte), open());
  store.put(shared_response(1));
  store.flush();
  EXPECT_EQ(store.purge({WithKey{key(1).hash()}, PurgeKind::hard}, noon).value(), 1U) << "counted once";
  EXPECT_EQ(store.find_in_memory(key(1), noon), nullptr);
  EXPECT_EQ(store.find(key(1), noon).value(), nullptr);
}

TEST(MemoryPurgeTest, WhatWasReadFromTheDiskBeforeItIsNotKept) {
  MemoryStore store(mebibyte);
  const std::uint64_t version = store.version_of(key(1));
  EXPECT_EQ(store.purge({OfAccount{"8", {}}, PurgeKind::hard}, noon).value(), 0U);
  store.put_if_absent(shared_response(1), version);
  EXPECT_EQ(store.find(key(1), noon).value(), nullptr);
}

TEST(MemoryPurgeTest, FindsAnAccountThatHasMostOfTheEntriesAndOneThatHasFew) {
  MemoryStore store(64 * mebibyte);
  for (int number = 0; number < 5000; ++number) {
    StoredResponse made = examples::response(number);
    if (number % 1000 == 0) made.account_id = "8";
    store.put(examples::shared(made));
  }
  EXPECT_EQ(store.purge({OfAccount{"8", {}}, PurgeKind::hard}, noon).value(), 5U);
  EXPECT_EQ(store.purge({OfAccount{"7", "17"}, PurgeKind::hard}, noon).value(), 1U);
  EXPECT_EQ(store.purge({OfAccount{"7", {}}, PurgeKind::hard}, noon).value(), 4994U);
  EXPECT_EQ(store.statistics()[0].entries, 0U);
  EXPECT_EQ(store.statistics()[0].bytes, 0U);
}

TEST(MemoryPurgeTest, OneAccountAmongManyTakesMilliseconds) {
  constexpr int entries = 100'000;
  MemoryStore store(512 * mebibyte);
  for (int number = 0; number < entries; ++number) {
    StoredResponse made = examples::response(number);
    made.account_id = std::to_string(number / 100);
    store.put(examples::shared(made));
  }
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(store.purge({OfAccount{"500", {}}, PurgeKind::hard}, noon).value(), 100U);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
  std::printf("one account of 100 entries among %d in memory: %.3f ms\n", entries, took.count());
  EXPECT_LT(took, 100ms);
}

TEST(QueuePurgeTest, DropsWhatWaitsAndComesBehindWhatIsBeingWritten) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1));
  EXPECT_EQ(queue.take(10, mebibyte, 0ms).size(), 1U);
  queue.put(shared_response(2));
  const auto result = queue.purge(everything, noon);
  EXPECT_EQ(queue.find(key(2)), nullptr);
  EXPECT_TRUE(queue.take(10, mebibyte, 1h).empty()) << "the purge goes first";
  queue.done();
  const auto order = queue.take_purge();
  ASSERT_TRUE(order);
  ASSERT_EQ(order->met.size(), 1U);
  EXPECT_EQ(order->met[0], key(2).hash());
  EXPECT_FALSE(queue.take_purge());
  queue.put(shared_response(3));
  const auto batch = queue.take_waiting(10, mebibyte);
  ASSERT_EQ(batch.size(), 2U);
  EXPECT_EQ(batch[0].response, nullptr) << "keeps its place, writes nothing";
  EXPECT_EQ(batch[1].key, key(3));
}

TEST(QueuePurgeTest, WhatIsDroppedMakesRoom) {
  WriteQueue queue({.entries = 10, .bytes = 20'000});
  EXPECT_TRUE(queue.put(shared_response(1, std::string(15'000, 'a'))));
  EXPECT_FALSE(queue.put(shared_response(2, std::string(15'000, 'a'))));
  const auto result = queue.purge(everything, noon);
  EXPECT_TRUE(queue.put(shared_response(2, std::string(15'000, 'a'))));
}

}  // namespace
}  // namespace roktcached::storage
