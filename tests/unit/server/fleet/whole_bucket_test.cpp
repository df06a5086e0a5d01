#include "server/fleet/whole_bucket.h"

#include <gtest/gtest.h>

namespace roktcached::fleet {
namespace {

using namespace std::chrono_literals;

class WholeBucketTest : public testing::Test {
 protected:
  WholeBucketTest() {
    bucket.set_capacity(3);
    bucket.refill(now, 10);
  }
  int take_all(double rate = 10) {
    int taken = 0;
    while (bucket.take(now, rate)) ++taken;
    return taken;
  }

  SteadyTime now = SteadyTime(100h);
  WholeBucket bucket;
};

TEST_F(WholeBucketTest, ItBeginsFullAndFillsWithTheRate) {
  EXPECT_EQ(take_all(), 3);
  EXPECT_EQ(bucket.until_available(now, 10), 100ms);
  now += 99ms;
  EXPECT_EQ(take_all(), 0);
  now += 1ms;
  EXPECT_EQ(bucket.until_available(now, 10), 0ns);
  EXPECT_EQ(take_all(), 1);
  now += 1h;
  EXPECT_EQ(take_all(), 3) << "no more than it holds";
}

TEST_F(WholeBucketTest, OfTwoRatesTheHigherOneCountsSinceTheLastRefill) {
  EXPECT_EQ(take_all(), 3);
  now += 100ms;
  EXPECT_EQ(take_all(1), 0);
  bucket.refill(now, 20);
  EXPECT_EQ(take_all(1), 2);
}

TEST_F(WholeBucketTest, WhileItIsFullNothingIsSaved) {
  now += 1h;
  EXPECT_TRUE(bucket.take(now, 10));
  bucket.refill(now, 1000);
  EXPECT_EQ(take_all(), 2);
}

TEST_F(WholeBucketTest, WhatIsGivenBackIsThereAgain) {
  EXPECT_EQ(take_all(), 3);
  bucket.give_back();
  EXPECT_EQ(take_all(), 1);
  for (int i = 0; i < 10; ++i) bucket.give_back();
  EXPECT_EQ(take_all(), 3);
}

TEST_F(WholeBucketTest, WhatWentByAnotherWayCountsToo) {
  bucket.spend(now, 10);
  EXPECT_EQ(take_all(), 2);
  for (int i = 0; i < 5; ++i) bucket.spend(now, 10);
  now += 100ms;
  EXPECT_EQ(take_all(), 1) << "it owes nothing";
}

TEST_F(WholeBucketTest, AnotherCapacityKeepsWhatIsThere) {
  EXPECT_TRUE(bucket.take(now, 10));
  bucket.set_capacity(5);
  EXPECT_EQ(take_all(), 4);
  bucket.set_capacity(2);
  now += 1h;
  EXPECT_EQ(take_all(), 2);
}

}  // namespace
}  // namespace roktcached::fleet
