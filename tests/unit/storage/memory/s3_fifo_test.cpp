#include "storage/memory/s3_fifo.h"

#include <gtest/gtest.h>

#include "core/caching/variants.h"
#include "tests/unit/colliding_keys.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::shared_response;

/// The bytes that one response of these tests takes in the table.
std::uint64_t size_of_one() {
  S3Fifo entries(1 << 20);
  entries.put(shared_response(100));
  return entries.bytes();
}

/// Responses 100 to 999 cost the same: their numbers have three digits.
std::uint64_t room_for(std::uint64_t count) {
  return size_of_one() * count;
}

void put_range(S3Fifo& entries, int from, int count) {
  for (int number = from; number < from + count; ++number) entries.put(shared_response(number));
}

TEST(S3FifoTest, FindsWhatWasPutAndNothingElse) {
  S3Fifo entries(room_for(10));
  const auto put = shared_response(100);
  entries.put(put);
  EXPECT_EQ(entries.find(key(100)), put);
  EXPECT_EQ(entries.find(key(101)), nullptr);
}

TEST(S3FifoTest, AKeyThatSharesAnothersHashFindsNothingOfIt) {
  const auto [one, other] = caching::colliding_keys();
  ASSERT_EQ(one.hash(), other.hash());
  ASSERT_NE(one.text(), other.text());
  ASSERT_FALSE(one == other);
  const auto of = [](const caching::Key& key) {
    StoredResponse response = examples::response(100);
    response.key = key;
    return examples::shared(response);
  };
  S3Fifo entries(room_for(10));
  entries.put(of(one));
  EXPECT_NE(entries.find(one), nullptr);
  EXPECT_EQ(entries.find(other), nullptr);
  EXPECT_EQ(entries.usage_of(one.hash()).finds, 1U) << "the other's look-up was none of it";
  entries.put(of(other));
  EXPECT_EQ(entries.find(one), nullptr) << "one hash has one place";
  EXPECT_NE(entries.find(other), nullptr);
  EXPECT_EQ(entries.entries(), 1U);
}

TEST(S3FifoTest, ReplacesTheEarlierResponseAndCountsOnlyTheLater) {
  S3Fifo entries(room_for(10));
  entries.put(shared_response(100, std::string(500, 'a')));
  const auto later = shared_response(100);
  entries.put(later);
  EXPECT_EQ(entries.find(key(100)), later);
  EXPECT_EQ(entries.entries(), 1U);
  EXPECT_EQ(entries.bytes(), size_of_one());
  EXPECT_EQ(entries.evictions(), 0U);
}

TEST(S3FifoTest, CountsKeyHeadAndBody) {
  const auto put = shared_response(100, std::string(500, 'a'));
  S3Fifo entries(1 << 20);
  entries.put(put);
  EXPECT_GE(entries.bytes(), put->key.text().size() + put->head.size() + 500 + sizeof(StoredResponse));
}

TEST(S3FifoTest, NeverExceedsItsRoom) {
  const std::uint64_t room = room_for(10);
  S3Fifo entries(room);
  for (int number = 0; number < 1000; ++number) {
    const int body_size = (number * 37) % 2000;
    entries.put(shared_response(number % 300, std::string(static_cast<std::size_t>(body_size), 'a')));
    ASSERT_LE(entries.bytes(), room);
    static_cast<void>(entries.find(key(number % 7)));
  }
  EXPECT_GT(entries.evictions(), 0U);
}

TEST(S3FifoTest, FillsItsRoomBeforeItEvicts) {
  S3Fifo entries(room_for(50));
  put_range(entries, 100, 50);
  EXPECT_EQ(entries.entries(), 50U);
  EXPECT_EQ(entries.evictions(), 0U);
  put_range(entries, 150, 1);
  EXPECT_EQ(entries.entries(), 50U);
  EXPECT_EQ(entries.evictions(), 1U);
}

TEST(S3FifoTest, AdmitsManyShortOnesThatComeInTurnWhereAFewLargeOnesAreAllThereIs) {
  constexpr std::uint64_t room = std::uint64_t{4} << 20;
  S3Fifo entries(room);
  for (int number = 1; number <= 4; ++number)
    entries.put(shared_response(number, std::string(room / 4 - 4096, 'a')));
  ASSERT_EQ(entries.entries(), 4U);
  const auto ask_for_each = [&entries] {
    int found = 0;
    for (int number = 100; number < 400; ++number) {
      if (entries.find(key(number)) != nullptr) {
        ++found;
      } else if (const auto response = shared_response(number, std::string(2000, 'a'));
                 entries.admits(*response)) {
        entries.put(response);
      }
    }
    return found;
  };
  ask_for_each();
  ask_for_each();
  EXPECT_EQ(ask_for_each(), 300);
}

TEST(S3FifoTest, DoesNotKeepWhatIsLargerThanTheRoomAndForgetsTheEarlier) {
  S3Fifo entries(room_for(10));
  put_range(entries, 100, 5);
  EXPECT_EQ(entries.put(shared_response(100, std::string(room_for(10), 'a'))),
            caching::Storing::too_large_for_cache);
  EXPECT_EQ(entries.find(key(100)), nullptr) << "an earlier response must not outlive a later put";
  EXPECT_NE(entries.find(key(101)), nullptr) << "the others must stay";
  EXPECT_EQ(entries.entries(), 4U);
  EXPECT_EQ(entries.bytes(), room_for(4));
}

TEST(S3FifoTest, HotSetSurvivesAScanOfTenTimesTheRoom) {
  constexpr int hot = 50;
  S3Fifo entries(room_for(100));
  put_range(entries, 100, hot);
  for (int number = 100; number < 100 + hot; ++number) ASSERT_NE(entries.find(key(number)), nullptr);
  for (int number = 1000; number < 2000; ++number) entries.put(shared_response(number));
  for (int number = 100; number < 100 + hot; ++number)
    EXPECT_NE(entries.find(key(number)), nullptr) << number;
}

TEST(S3FifoTest, WhatIsNeverAskedForAgainLeaves) {
  S3Fifo entries(room_for(100));
  put_range(entries, 100, 1);
  put_range(entries, 200, 500);
  EXPECT_EQ(entries.find(key(100)), nullptr);
}

TEST(S3FifoTest, WhatComesBackSoonAfterItLeftStays) {
  S3Fifo entries(room_for(100));
  put_range(entries, 100, 1);
  put_range(entries, 200, 100);
  ASSERT_EQ(entries.find(key(100)), nullptr) << "it was the oldest, and unused";
  put_range(entries, 100, 1);
  put_range(entries, 400, 500);
  EXPECT_NE(entries.find(key(100)), nullptr) << "its return should have put it into the main queue";
}

TEST(S3FifoTest, WhereItIsFullItAdmitsWhatComesTheSecondTime) {
  S3Fifo entries(room_for(100));
  const auto newcomer = shared_response(100);
  EXPECT_TRUE(entries.admits(*newcomer)) << "there is room";
  put_range(entries, 200, 100);
  EXPECT_FALSE(entries.admits(*newcomer));
  EXPECT_EQ(entries.evictions(), 0U);
  EXPECT_TRUE(entries.admits(*newcomer));
  entries.put(newcomer);
  put_range(entries, 400, 500);
  EXPECT_NE(entries.find(key(100)), nullptr) << "who has come twice belongs into the main queue";
}

TEST(S3FifoTest, WhatItRefusedLongAgoItRefusesAgain) {
  S3Fifo entries(room_for(100));
  put_range(entries, 200, 100);
  EXPECT_FALSE(entries.admits(*shared_response(100)));
  for (int number = 400; number < 500; ++number) EXPECT_FALSE(entries.admits(*shared_response(number)));
  EXPECT_FALSE(entries.admits(*shared_response(100)));
}

TEST(S3FifoTest, MainQueueLetsGoOfWhatIsNoLongerUsed) {
  constexpr int count = 90;
  S3Fifo entries(room_for(100));
  put_range(entries, 100, count);
  for (int number = 100; number < 100 + count; ++number) ASSERT_NE(entries.find(key(number)), nullptr);
  for (int from = 200; from < 800; from += count) {
    put_range(entries, from, count);
    for (int number = from; number < from + count; ++number) static_cast<void>(entries.find(key(number)));
  }
  EXPECT_EQ(entries.find(key(100)), nullptr);
  EXPECT_LE(entries.bytes(), room_for(100));
}

/// However often it was used before.
TEST(S3FifoTest, TheMainQueueSparesWhatWasUsedThreeTimesAndNoMore) {
  S3Fifo entries(room_for(10));
  const auto use = [&entries](int number) { ASSERT_NE(entries.find(key(number)), nullptr); };
  put_range(entries, 100, 1);
  use(100);
  put_range(entries, 200, 20);  // moves 100 into the main queue
  for (int times = 0; times < 1000; ++times) use(100);
  int pushed_out = 0;
  for (int number = 300; entries.usage_of(key(100).hash()).response && number < 500; ++number) {
    put_range(entries, number, 1);
    use(number);  // each takes the way through the main queue, too
    ++pushed_out;
  }
  constexpr int main_queue = 9;
  EXPECT_GT(pushed_out, 3 * main_queue);
  EXPECT_LE(pushed_out, 4 * main_queue + 2);
}

TEST(S3FifoTest, ReplacingKeepsAPlaceInTheMainQueue) {
  S3Fifo entries(room_for(100));
  put_range(entries, 100, 1);
  ASSERT_NE(entries.find(key(100)), nullptr);
  put_range(entries, 200, 200);  // moves 100 into the main queue
  const auto refreshed = shared_response(100, "[]");
  entries.put(refreshed);
  put_range(entries, 400, 500);
  EXPECT_EQ(entries.find(key(100)), refreshed);
}

TEST(S3FifoTest, WhereEverythingIsInUseAPutStillLetsGoSoon) {
  constexpr int count = 2000;
  S3Fifo entries(room_for(count));
  put_range(entries, 1000, count);
  for (int times = 0; times < 4; ++times) {
    for (int number = 1000; number < 1000 + count; ++number) static_cast<void>(entries.find(key(number)));
  }
  put_range(entries, 5000, 100);
  EXPECT_LE(entries.bytes(), room_for(count));
  EXPECT_GE(entries.evictions(), 50U);
}

TEST(S3FifoTest, APurgeThatTheTableGrowsUnderMissesNothingAndCountsNothingTwice) {
  constexpr int there = 2000;
  for (const auto kind : {caching::PurgeKind::hard, caching::PurgeKind::soft}) {
    S3Fifo entries(std::uint64_t{1} << 30);
    put_range(entries, 0, there);
    const caching::Purge purge{caching::OfRoute{"campaign-overview"}, kind};
    std::uint64_t purged = 0;
    int next = 10'000;
    S3Fifo::Cursor cursor;
    while (!cursor.finished) {
      purged += entries.purge(purge, examples::noon, cursor);
      for (int i = 0; i < 300; ++i) {
        StoredResponse other = examples::response(next++);
        other.route = "another";
        entries.put(examples::shared(std::move(other)));
      }
    }
    EXPECT_EQ(purged, std::uint64_t{there});
    for (int number = 0; number < there; ++number) {
      const StoredResponsePtr found = entries.find(key(number));
      if (kind == caching::PurgeKind::hard) {
        ASSERT_EQ(found, nullptr);
      } else {
        ASSERT_LE(found->fresh_until, examples::noon);
      }
    }
  }
}

TEST(S3FifoTest, AnAccountsEntriesAreFoundAsTheyComeAndGo) {
  S3Fifo entries(std::uint64_t{1} << 30);
  const auto put = [&](int number, const char* account) {
    StoredResponse made = examples::response(number);
    made.account_id = account;
    entries.put(examples::shared(std::move(made)));
  };
  const auto purge = [&](const char* account) {
    S3Fifo::Cursor cursor;
    return entries.purge({caching::OfAccount{account, {}}}, examples::noon, cursor);
  };
  for (int number = 0; number < 3000; ++number)
    put(number, number % 2 == 0 ? "even" : std::to_string(number).c_str());
  put(1, "even");
  put(2, "two");
  EXPECT_EQ(purge("1"), 0U);
  EXPECT_EQ(purge("two"), 1U);
  EXPECT_EQ(purge("two"), 0U);
  EXPECT_EQ(purge("999"), 1U);
  EXPECT_EQ(entries.entries(), 2998U);
}

TEST(S3FifoTest, SaysWhereANewcomerHasGoneAgainAtOnce) {
  S3Fifo entries(room_for(20));
  for (int number = 100; number < 119; ++number) {
    EXPECT_EQ(entries.put(shared_response(number)), caching::Storing::stored);
    EXPECT_NE(entries.find(key(number)), nullptr);
  }
  EXPECT_EQ(entries.put(shared_response(200, std::string(room_for(15), 'a'))), caching::Storing::no_room)
      << "all others are in use";
  EXPECT_EQ(entries.find(key(200)), nullptr);
  EXPECT_EQ(entries.put(shared_response(119)), caching::Storing::stored);
}

TEST(S3FifoTest, KeepsNothingWithoutRoom) {
  S3Fifo entries(0);
  put_range(entries, 100, 3);
  EXPECT_EQ(entries.entries(), 0U);
  EXPECT_EQ(entries.bytes(), 0U);
}

TEST(S3FifoTest, ReplacingKeepsItsUses) {
  S3Fifo entries(room_for(10));
  put_range(entries, 100, 10);
  ASSERT_NE(entries.find(key(100)), nullptr);
  const auto refreshed = shared_response(100);
  entries.put(refreshed);
  put_range(entries, 200, 11);
  EXPECT_EQ(entries.find(key(100)), refreshed) << "asked for once, it is not the next to leave";
}

/// Stale, it would lead nobody to the variants, which may be as fresh as before.
TEST(S3FifoTest, ASoftPurgeLeavesWhatLeadsToVariants) {
  const WallTime now = wall_time_from_unix_ms(1'000'000);
  const caching::Key target("default /a");
  S3Fifo entries(1 << 20);
  const auto index = caching::VariantIndex(now).to_stored(target, "mirror");
  ASSERT_GT(index->fresh_until, now);
  entries.put(index);
  S3Fifo::Cursor cursor;
  EXPECT_EQ(entries.purge({caching::Everything{}, caching::PurgeKind::soft}, now, cursor), 0U);
  EXPECT_EQ(entries.find(target), index);
}

}  // namespace
}  // namespace roktcached::storage
