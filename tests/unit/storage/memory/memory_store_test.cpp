#include "storage/memory/memory_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::mebibyte;
using examples::noon;
using examples::shared_response;

StoredResponsePtr found(MemoryStore& store, int number) {
  return store.find(key(number), noon).value();
}

TEST(MemoryStoreTest, HandsOutTheVeryResponseThatWasPut) {
  MemoryStore store(mebibyte);
  const auto put = shared_response(1);
  store.put(put);
  EXPECT_EQ(found(store, 1), put) << "a hit copies nothing";
}

TEST(MemoryStoreTest, SaysWhatItsBodiesTake) {
  MemoryStore store(mebibyte);
  const auto bytes = [&] { return store.statistics()[0].body_bytes; };
  StoredResponse compressed = examples::response(1, std::string(1000, 'a'));
  compressed.gzip_body = caching::share_body(std::string(100, 'b'));
  store.put(examples::shared(compressed));
  store.put(shared_response(2, std::string(10, 'a')));
  EXPECT_EQ(bytes(), 1110U);
  store.put(shared_response(2, std::string(20, 'a')));
  EXPECT_EQ(bytes(), 1120U);
  for (int number = 3; number < 1000; ++number) store.put(shared_response(number, std::string(5000, 'a')));
  EXPECT_LE(bytes(), mebibyte);
  ASSERT_TRUE(store.purge({caching::Everything{}, caching::PurgeKind::hard}, noon));
  EXPECT_EQ(bytes(), 0U);
}

TEST(MemoryStoreTest, PutIfAbsentDoesNotReplace) {
  MemoryStore store(mebibyte);
  const auto first = shared_response(1, "first");
  store.put_if_absent(first, store.version_of(key(1)));
  store.put_if_absent(shared_response(1, "second"), store.version_of(key(1)));
  EXPECT_EQ(found(store, 1), first);
}

TEST(MemoryStoreTest, PutIfAbsentComesTooLateAfterAPutThatIsGoneAgain) {
  MemoryStore store(mebibyte);
  const std::uint64_t version = store.version_of(key(1));
  store.put(shared_response(1, std::string(2 * mebibyte, 'a')));
  ASSERT_EQ(found(store, 1), nullptr) << "it is too large";
  store.put_if_absent(shared_response(1, "old"), version);
  EXPECT_EQ(found(store, 1), nullptr);
}

TEST(MemoryStoreTest, SpreadOverShardsItFindsAndCountsEverything) {
  MemoryStore store(1024 * mebibyte);
  std::uint64_t least = 0;
  for (int number = 0; number < 2000; ++number) {
    const auto put = shared_response(number);
    least += put->memory_size();
    store.put(put);
  }
  for (int number = 0; number < 2000; ++number) ASSERT_NE(found(store, number), nullptr) << number;
  const auto statistics = store.statistics();
  ASSERT_EQ(statistics.size(), 1U);
  EXPECT_EQ(statistics[0].tier, "memory");
  EXPECT_EQ(statistics[0].entries, 2000U);
  EXPECT_GE(statistics[0].bytes, least);
  EXPECT_EQ(statistics[0].bytes_max, 1024 * mebibyte);
}

TEST(MemoryStoreTest, OneShardTakesAResponseOfNearlyItsWholeRoom) {
  MemoryStore store(64 * mebibyte);  // two shards of 32 MiB
  store.put(shared_response(1, std::string(31 * mebibyte, 'a')));
  EXPECT_NE(found(store, 1), nullptr);
  store.put(shared_response(2, std::string(33 * mebibyte, 'a')));
  EXPECT_EQ(found(store, 2), nullptr);
  EXPECT_LE(store.statistics()[0].bytes, 64 * mebibyte);
}

TEST(MemoryStoreTest, HotSetSurvivesAScanOfTenTimesTheBudget) {
  constexpr int hot = 100;
  constexpr std::size_t body_size = 32 << 10;
  constexpr std::uint64_t budget = 8 * mebibyte;
  MemoryStore store(budget);
  for (int number = 0; number < hot; ++number)
    store.put(shared_response(number, std::string(body_size, 'h')));
  for (int number = 0; number < hot; ++number) ASSERT_NE(found(store, number), nullptr);
  const auto scan = caching::share_body(std::string(body_size, 's'));
  constexpr int scanned = static_cast<int>(10 * budget / body_size);
  for (int number = 0; number < scanned; ++number) {
    StoredResponse once = examples::response(1000 + number);
    once.body = scan;
    store.put(examples::shared(std::move(once)));
  }
  for (int number = 0; number < hot; ++number) EXPECT_NE(found(store, number), nullptr) << number;
  EXPECT_LE(store.statistics()[0].bytes, budget);
  EXPECT_GT(store.statistics()[0].evictions, 0U);
}

TEST(MemoryStoreTest, ThreadsThatEvictEachOthersResponsesOnlyEverSeeWholeOnes) {
  MemoryStore store(mebibyte / 2);
  std::atomic<int> hits = 0;
  std::atomic<int> wrong = 0;
  const auto work = [&](int seed) {
    for (int i = 0; i < 3000; ++i) {
      const int number = (i * 31 + seed * 17) % 200;
      store.put(shared_response(number, std::string(4096, static_cast<char>('a' + number % 26))));
      const int other = (i * 7 + seed) % 200;
      if (const auto response = found(store, other)) {
        ++hits;
        if (*response->body != std::string(4096, static_cast<char>('a' + other % 26))) ++wrong;
      }
      if (i % 100 == 0 && store.statistics()[0].bytes > mebibyte / 2) ++wrong;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(hits, 0);
}

}  // namespace
}  // namespace roktcached::storage
