#include "server/simulator/leaky_bucket.h"

#include <gtest/gtest.h>

namespace roktcached::simulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How many of `tries` requests at `now` go in.
int poured(LeakyBucket& bucket, LeakyBucket::Time now, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += bucket.pour(now) ? 1 : 0;
  return taken;
}

const LeakyBucket::Time start{seconds{1000}};

TEST(LeakyBucketTest, TakesItsBurstAndRefusesWhatOverflows) {
  LeakyBucket bucket(2, 5);
  EXPECT_EQ(poured(bucket, start, 10), 5);
}

TEST(LeakyBucketTest, LeaksAtItsRate) {
  LeakyBucket bucket(2, 5);
  poured(bucket, start, 10);
  EXPECT_EQ(poured(bucket, start + milliseconds{499}, 1), 0);
  EXPECT_EQ(poured(bucket, start + milliseconds{501}, 5), 1);
  EXPECT_EQ(poured(bucket, start + milliseconds{2001}, 5), 3);
}

TEST(LeakyBucketTest, NeverHoldsLessThanNothing) {
  LeakyBucket bucket(2, 5);
  poured(bucket, start, 3);
  EXPECT_EQ(poured(bucket, start + seconds{3600}, 10), 5);
}

TEST(LeakyBucketTest, WhatIsRefusedTakesNoRoom) {
  LeakyBucket bucket(1, 1);
  poured(bucket, start, 1000);
  EXPECT_EQ(poured(bucket, start + milliseconds{1001}, 2), 1);
}

TEST(LeakyBucketTest, WithoutARateNothingIsRefused) {
  LeakyBucket bucket(0, 1);
  EXPECT_EQ(poured(bucket, start, 1000), 1000);
}

TEST(LeakyBucketTest, HoldsOneRequestAtLeast) {
  LeakyBucket bucket(1, 0.2);
  EXPECT_EQ(poured(bucket, start, 3), 1);
}

TEST(LeakyBucketTest, IsEmptiedAtOnce) {
  LeakyBucket bucket(1, 4);
  poured(bucket, start, 4);
  bucket.empty();
  EXPECT_EQ(poured(bucket, start, 10), 4);
}

}  // namespace
}  // namespace roktcached::simulator
