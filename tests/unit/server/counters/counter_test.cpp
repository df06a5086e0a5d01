#include "server/counters/counter.h"

#include <gtest/gtest.h>

#include <thread>

namespace roktcached {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, ItsBoundsAscend) {
  EXPECT_TRUE(std::ranges::is_sorted(Histogram::bounds, std::ranges::less_equal{}));
}

TEST(Histogram, ABoundBelongsToItsOwnBucket) {
  Histogram histogram;
  histogram.observe(0ns);
  histogram.observe(100us);
  histogram.observe(100us + 1ns);
  const Histogram::Reading reading = histogram.read();
  EXPECT_EQ(reading.counts[0], 1U);
  EXPECT_EQ(reading.counts[2], 1U);
  EXPECT_EQ(reading.counts[3], 1U);
}

TEST(Histogram, WhatTakesLongerThanAllBoundsIsCountedToo) {
  Histogram histogram;
  histogram.observe(120s);
  histogram.observe(120s + 1ns);
  histogram.observe(24h);
  const Histogram::Reading reading = histogram.read();
  EXPECT_EQ(reading.counts[Histogram::bounds.size() - 1], 1U);
  EXPECT_EQ(reading.counts.back(), 2U);
  EXPECT_EQ(reading.count(), 3U);
  EXPECT_EQ(reading.sum, 24h + 240s + 1ns);
}

TEST(Histogram, TellsAHitOfAFewMicrosecondsAndAnUpstreamOfMostOfAMinute) {
  const auto bucket_of = [](std::chrono::nanoseconds took) {
    return std::ranges::lower_bound(Histogram::bounds, took) - Histogram::bounds.begin();
  };
  EXPECT_NE(bucket_of(50us), bucket_of(100us));
  EXPECT_NE(bucket_of(20us), bucket_of(50us));
  EXPECT_NE(bucket_of(50s), bucket_of(30s));
  EXPECT_NE(bucket_of(50s), bucket_of(24h));
}

TEST(Histogram, ReadingsOfSeveralThreadsAreAdded) {
  Histogram one;
  Histogram two;
  one.observe(1ms);
  two.observe(1ms);
  two.observe(1s);
  Histogram::Reading sum = one.read();
  sum.add(two.read());
  EXPECT_EQ(sum.count(), 3U);
  EXPECT_EQ(sum.counts[5], 2U);
  EXPECT_EQ(sum.sum, 1002ms);
}

TEST(Histogram, NothingIsLostAndNothingGoesBackWhileOthersRead) {
  constexpr std::uint64_t observed = 100'000;
  Histogram histogram;
  std::thread writer([&histogram] {
    for (std::uint64_t i = 0; i < observed; ++i) histogram.observe(i % 2 == 0 ? 50us : 2ms);
  });
  Histogram::Reading before;
  while (before.count() < observed) {
    const Histogram::Reading now = histogram.read();
    for (std::size_t i = 0; i < now.counts.size(); ++i) ASSERT_GE(now.counts[i], before.counts[i]);
    ASSERT_GE(now.sum, before.sum);
    before = now;
  }
  writer.join();
  EXPECT_EQ(histogram.read().count(), observed);
  EXPECT_EQ(histogram.read().sum, observed / 2 * 2050us);
}

}  // namespace
}  // namespace roktcached
