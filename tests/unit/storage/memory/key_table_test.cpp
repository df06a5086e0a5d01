#include "storage/memory/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "storage/memory/s3_fifo.h"

namespace roktcached::storage {
namespace {

struct Number : TableNode<Number> {
  Number(std::uint64_t of, int is) : TableNode(of), value(is) { ++alive; }
  ~Number() { --alive; }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  const int value;
  static inline int alive = 0;
};
using Numbers = KeyTable<Number>;

std::uint64_t hash_of(int value) {
  return static_cast<std::uint64_t>(value) * 0x9e3779b97f4a7c15U >> 7;
}

void insert(Numbers& numbers, int value) {
  numbers.insert(std::make_unique<Number>(hash_of(value), value));
}

Number* find(const Numbers& numbers, int value) {
  return numbers.find(hash_of(value), [value](const Number& number) { return number.value == value; });
}

TEST(KeyTableTest, DoesAsAMapDoes) {
  std::mt19937 random(1);
  {
    Numbers numbers;
    std::map<int, Number*> wanted;
    for (int i = 0; i < 50'000; ++i) {
      const int value = static_cast<int>(random() % 8000);
      Number* const found = find(numbers, value);
      ASSERT_EQ(found, wanted.contains(value) ? wanted[value] : nullptr) << "nodes stay where they are";
      if (found == nullptr) {
        insert(numbers, value);
        wanted[value] = find(numbers, value);
      } else if (random() % 3 == 0) {
        numbers.erase(*found);
        wanted.erase(value);
      }
      ASSERT_EQ(numbers.size(), wanted.size());
    }
    EXPECT_EQ(Number::alive, static_cast<int>(wanted.size()));
  }
  EXPECT_EQ(Number::alive, 0) << "the table owns them";
}

TEST(KeyTableTest, TellsNodesOfOneHashApart) {
  Numbers numbers;
  for (int value = 0; value < 10; ++value) numbers.insert(std::make_unique<Number>(42, value));
  const auto is = [](int value) { return [value](const Number& number) { return number.value == value; }; };
  numbers.erase(*numbers.find(42, is(5)));
  EXPECT_EQ(numbers.find(42, is(5)), nullptr);
  for (const int value : {0, 4, 6, 9}) EXPECT_NE(numbers.find(42, is(value)), nullptr);
}

TEST(KeyTableTest, GrowsABucketAtATimeAndNeverFaster) {
  Numbers numbers;
  const std::size_t first = numbers.bucket_count();
  for (int value = 0; value < 20'000; ++value) {
    const std::size_t before = numbers.bucket_count();
    insert(numbers, value);
    ASSERT_LE(numbers.bucket_count(), before + 1);
    ASSERT_LE(numbers.size(), numbers.bucket_count());
  }
  EXPECT_GT(numbers.bucket_count(), 30 * first);
  std::size_t longest = 0;
  for (std::size_t index = 0; index < numbers.bucket_count(); ++index) {
    std::size_t length = 0;
    numbers.visit(index, [&](const Number&) { ++length; });
    longest = std::max(longest, length);
  }
  EXPECT_LE(longest, 16U);
}

TEST(KeyTableTest, WhoGoesThroughItWhileItGrowsMissesNothing) {
  Numbers numbers;
  constexpr int there_from_the_first = 700;
  for (int value = 0; value < there_from_the_first; ++value) insert(numbers, value);
  std::set<int> met;
  int next = there_from_the_first;
  for (std::size_t index = 0; index < numbers.bucket_count(); ++index) {
    numbers.visit(index, [&](const Number& number) { met.insert(number.value); });
    for (int i = 0; i < 3 && next < 20'000; ++i) insert(numbers, next++);
  }
  EXPECT_EQ(next, 20'000);
  for (int value = 0; value < there_from_the_first; ++value) EXPECT_TRUE(met.contains(value)) << value;
}

caching::KeyHash ghost(std::uint64_t number) {
  return {number / 2, number % 2};
}

/// How many ghosts there are of those before `end`.
int remembered(const Ghosts& ghosts, std::uint64_t end) {
  int count = 0;
  for (std::uint64_t number = 0; number < end; ++number) count += ghosts.remembers(ghost(number)) ? 1 : 0;
  return count;
}

TEST(GhostsTest, ForgetsTheOldestFirst) {
  Ghosts ghosts;
  for (std::uint64_t number = 0; number < 10; ++number) ghosts.remember(ghost(number), 8);
  EXPECT_EQ(remembered(ghosts, 10), 8);
  EXPECT_FALSE(ghosts.forget(ghost(1)));
  EXPECT_TRUE(ghosts.forget(ghost(2)));
  EXPECT_FALSE(ghosts.forget(ghost(2)));
  ghosts.remember(ghost(9), 8);  // known already
  ghosts.remember(ghost(10), 8);
  EXPECT_TRUE(ghosts.remembers(ghost(3))) << "there was room for one more";
  ghosts.remember(ghost(11), 8);
  EXPECT_FALSE(ghosts.remembers(ghost(3)));
}

TEST(GhostsTest, TooManyGoALittleAtATime) {
  Ghosts ghosts;
  for (std::uint64_t number = 0; number < 100; ++number) ghosts.remember(ghost(number), 100);
  ghosts.remember(ghost(100), 10);
  EXPECT_EQ(remembered(ghosts, 300), 99);
  for (std::uint64_t number = 101; number < 300; ++number) ghosts.remember(ghost(number), 10);
  EXPECT_EQ(remembered(ghosts, 300), 10);
  EXPECT_TRUE(ghosts.forget(ghost(299)));
}

}  // namespace
}  // namespace roktcached::storage
