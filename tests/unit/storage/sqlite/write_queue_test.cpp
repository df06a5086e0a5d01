#include "storage/sqlite/write_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::mebibyte;
using examples::noon;
using examples::shared_response;
using namespace std::chrono_literals;

std::vector<Write> take_all(WriteQueue& queue) {
  return queue.take(1000, 100 * mebibyte, 0ms);
}

TEST(WriteQueueTest, HandsOutInTheOrderInWhichKeysCame) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  for (const int number : {3, 1, 2}) EXPECT_TRUE(queue.put(shared_response(number)));
  const auto batch = take_all(queue);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0].key, key(3));
  EXPECT_EQ(batch[1].key, key(1));
  EXPECT_EQ(batch[2].key, key(2));
}

TEST(WriteQueueTest, ALaterWriteOfAKeyReplacesTheEarlier) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1, "early"));
  const auto later = shared_response(1, "later");
  queue.put(later);
  EXPECT_EQ(queue.find(key(1)), later);
  const auto batch = take_all(queue);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].response, later);
}

TEST(WriteQueueTest, WhatIsBeingWrittenStaysVisibleUntilItIsDone) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  const auto put = shared_response(1);
  queue.put(put);
  take_all(queue);
  EXPECT_EQ(queue.find(key(1)), put);
  EXPECT_EQ(queue.size(), 1U);
  queue.done();
  EXPECT_EQ(queue.find(key(1)), nullptr);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(WriteQueueTest, APutDuringTheWriteIsNewerThanWhatIsBeingWritten) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1, "early"));
  take_all(queue);
  const auto later = shared_response(1, "later");
  queue.put(later);
  EXPECT_EQ(queue.find(key(1)), later);
  queue.done();
  EXPECT_EQ(queue.find(key(1)), later);
  EXPECT_EQ(take_all(queue).at(0).response, later);
}

TEST(WriteQueueTest, FullOfEntriesItGivesUpNewKeysButTakesKnownOnes) {
  WriteQueue queue({.entries = 2, .bytes = mebibyte});
  EXPECT_TRUE(queue.put(shared_response(1)));
  EXPECT_TRUE(queue.put(shared_response(2)));
  EXPECT_FALSE(queue.put(shared_response(3)));
  EXPECT_TRUE(queue.put(shared_response(2, "later")));
  take_all(queue);
  EXPECT_TRUE(queue.put(shared_response(3)));
}

TEST(WriteQueueTest, FullOfBytesItGivesUpUntilSomeAreTaken) {
  WriteQueue queue({.entries = 100, .bytes = mebibyte});
  EXPECT_TRUE(queue.put(shared_response(1, std::string(600 << 10, 'a'))));
  EXPECT_FALSE(queue.put(shared_response(2, std::string(600 << 10, 'a'))));
  EXPECT_TRUE(queue.put(shared_response(1, std::string(700 << 10, 'a')))) << "what it replaces makes room";
  EXPECT_TRUE(queue.put(shared_response(2, std::string(100 << 10, 'a'))));
  take_all(queue);
  EXPECT_TRUE(queue.put(shared_response(3, std::string(900 << 10, 'a'))));
}

TEST(WriteQueueTest, ABatchHasItsBounds) {
  WriteQueue queue({.entries = 100, .bytes = 100 * mebibyte});
  for (int number = 0; number < 10; ++number) queue.put(shared_response(number, std::string(mebibyte, 'a')));
  EXPECT_EQ(queue.take(4, 100 * mebibyte, 0ms).size(), 4U);
  queue.done();
  EXPECT_EQ(queue.take(100, 2 * mebibyte, 0ms).size(), 2U);
  queue.done();
  EXPECT_EQ(queue.take(100, 1, 0ms).size(), 1U) << "one that is larger than the bound goes alone";
}

TEST(WriteQueueTest, ATouchNeverStandsInTheWayOfAResponse) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.touch(key(1), noon);
  EXPECT_EQ(queue.find(key(1)), nullptr);
  const auto put = shared_response(1);
  queue.put(put);
  queue.touch(key(1), noon);
  queue.suspect(key(1));
  EXPECT_EQ(queue.find(key(1)), put);
  const auto batch = take_all(queue);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].response, put);
  EXPECT_FALSE(batch[0].touched_at);
}

TEST(WriteQueueTest, WhatIsBeingWrittenNeedsNoTouch) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1));
  ASSERT_EQ(queue.take(100, mebibyte, 0ms).size(), 1U);
  queue.touch(key(1), noon);
  EXPECT_EQ(queue.size(), 1U) << "it is written with a time of its own";
  queue.done();
  queue.touch(key(1), noon);
  EXPECT_EQ(queue.size(), 1U) << "and can be touched from then on";
}

TEST(WriteQueueTest, ADamagedRowGoesBeforeWhatIsWrittenInItsPlace) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.suspect(key(1));
  queue.put(shared_response(1));
  queue.put(shared_response(2));
  queue.suspect(key(2));
  queue.put(shared_response(3));
  const auto batch = take_all(queue);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_TRUE(batch[0].suspect && batch[0].response);
  EXPECT_TRUE(batch[1].suspect && batch[1].response);
  EXPECT_FALSE(batch[2].suspect);
}

TEST(WriteQueueTest, ARowFoundDamagedWhileItIsWrittenGoesInTheNextBatch) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  const auto put = shared_response(1);
  queue.put(put);
  take_all(queue);
  queue.suspect(key(1));
  EXPECT_EQ(queue.find(key(1)), put);
  queue.done();
  const auto batch = take_all(queue);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_TRUE(batch[0].suspect && !batch[0].response);
}

TEST(WriteQueueTest, TouchesAndErasuresAreBoundedToo) {
  WriteQueue queue({.entries = 2, .bytes = mebibyte});
  queue.touch(key(1), noon);
  queue.touch(key(2), noon);
  queue.touch(key(3), noon);
  queue.suspect(key(4));
  EXPECT_EQ(queue.size(), 2U);
}

TEST(WriteQueueTest, ClosedItHandsOutTheRestAndThenNothing) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1));
  queue.close();
  EXPECT_EQ(queue.take(10, mebibyte, 1h).size(), 1U) << "nothing is worth waiting for";
  queue.done();
  EXPECT_TRUE(queue.take(10, mebibyte, 1h).empty());
}

TEST(WriteQueueTest, AFlushCutsTheLingeringShort) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  std::thread writer([&] {
    while (!queue.take(10, mebibyte, 1h).empty()) queue.done();
  });
  queue.put(shared_response(1));
  EXPECT_TRUE(queue.wait_until_written(1h));
  EXPECT_EQ(queue.size(), 0U);
  queue.close();
  writer.join();
}

TEST(WriteQueueTest, AFlushWaitsNoLongerThanItsPatience) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  EXPECT_TRUE(queue.wait_until_written(0ms)) << "there is nothing to wait for";
  queue.put(shared_response(1));
  EXPECT_FALSE(queue.wait_until_written(0ms)) << "nobody writes it";
}

TEST(WriteQueueTest, AWholeBatchCutsTheLingeringShort) {
  WriteQueue queue({.entries = 10, .bytes = 10 * mebibyte});
  auto many = std::async(std::launch::async, [&] { return queue.take(3, mebibyte, 1h).size(); });
  for (const int number : {1, 2, 3}) queue.put(shared_response(number));
  EXPECT_EQ(many.get(), 3U);
  queue.done();
  auto large = std::async(std::launch::async, [&] { return queue.take(10, mebibyte, 1h).size(); });
  for (const int number : {1, 2}) queue.put(shared_response(number, std::string(600 << 10, 'a')));
  EXPECT_EQ(large.get(), 2U);
}

TEST(WriteQueueTest, AFlushWaitsOnlyForWhatWasPutBefore) {
  WriteQueue queue({.entries = 10, .bytes = mebibyte});
  queue.put(shared_response(1));
  auto flushed = std::async(std::launch::async, [&] { queue.wait_until_written(1h); });
  int number = 2;
  // While each batch is written a new key comes, as under constant load: the
  // queue is never empty.
  while (number < 1000 && flushed.wait_for(0ms) != std::future_status::ready) {
    take_all(queue);
    queue.put(shared_response(number++));
    queue.done();
    std::this_thread::yield();
  }
  const bool in_time = flushed.wait_for(0ms) == std::future_status::ready;
  take_all(queue);
  queue.done();
  flushed.wait();
  EXPECT_TRUE(in_time);
}

}  // namespace
}  // namespace roktcached::storage
