#include "server/upstream/limit/rate_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "server/simulator/leaky_bucket.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr SteadyTime start{std::chrono::hours{1}};

/// An upstream under permanent overload: whenever the limit yields a token and fewer than 16 requests are
/// under way, one is sent. It pours into the leaky bucket when it arrives, and its answer takes its time.
///
/// The way there varies by no more than a twentieth of the interval at which the upstream lets requests
/// through: a bucket of one has no room for a request that comes early, whoever paces it.
class Overload {
 public:
  Overload(RateLimit::Options options, double rate, double capacity, unsigned seed)
      : limit(options), random_(seed) {
    set_upstream(rate, capacity);
  }

  void set_upstream(double rate, double capacity) {
    bucket_.emplace(rate, capacity);
    jitter_ = rate > 0 ? std::min(0.005, 0.05 / rate) : 0.005;
  }

  /// Nobody asks for anything; what is under way ends.
  void idle_for(SteadyTime::duration time) { run(time, false); }
  void run_for(SteadyTime::duration time) { run(time, true); }

  struct Counts {
    double accepted = 0;
    double limited = 0;
    [[nodiscard]] double limited_share() const { return limited / (accepted + limited); }
  };
  /// The answers while it runs.
  Counts count_for(SteadyTime::duration time) {
    const Counts before = counts;
    run_for(time);
    return {counts.accepted - before.accepted, counts.limited - before.limited};
  }

  RateLimit limit;
  Counts counts;
  std::optional<std::chrono::milliseconds> retry_after;
  SteadyTime now = start;

 private:
  enum class Stage { arrives, accepted, limited };
  struct Event {
    SteadyTime at;
    Stage stage;
    SteadyTime sent_at;
    bool operator<(const Event& other) const { return at > other.at; }
  };

  void run(SteadyTime::duration time, bool send) {
    const SteadyTime end = now + time;
    while (now < end) {
      SteadyTime next = end;
      if (send && under_way_ < 16) next = std::min(next, now + limit.until_available(now));
      if (!events_.empty()) next = std::min(next, events_.top().at);
      now = next;
      if (!events_.empty() && events_.top().at <= now) {
        const Event event = events_.top();
        events_.pop();
        happen(event);
      } else if (now < end) {
        ASSERT_TRUE(limit.take(now));
        ++under_way_;
        events_.push({now + seconds(0.002 + jitter_ * uniform()), Stage::arrives, now});
      }
    }
  }

  void happen(const Event& event) {
    if (event.stage == Stage::arrives) {
      const Stage outcome = bucket_->pour(event.at) ? Stage::accepted : Stage::limited;
      events_.push({event.at + seconds(0.005 + 0.05 * uniform()), outcome, event.sent_at});
      return;
    }
    --under_way_;
    if (event.stage == Stage::accepted) {
      ++counts.accepted;
      limit.on_success(event.sent_at, event.at);
    } else {
      ++counts.limited;
      limit.on_limited(event.sent_at, event.at, retry_after);
    }
  }

  static SteadyTime::duration seconds(double value) {
    return std::chrono::duration_cast<SteadyTime::duration>(Seconds(value));
  }
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  std::optional<simulator::LeakyBucket> bucket_;
  double jitter_ = 0;
  std::priority_queue<Event> events_;
  int under_way_ = 0;
  std::mt19937_64 random_;
};

constexpr RateLimit::Options wide_open{.ceiling = 500, .burst = 20};

TEST(RateLimitTest, ATokenBucketUnderTheCeiling) {
  RateLimit limit({.ceiling = 10, .burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.take(start));
  EXPECT_FALSE(limit.take(start));
  EXPECT_EQ(limit.until_available(start), 100ms);
  EXPECT_FALSE(limit.take(start + 99ms));
  EXPECT_TRUE(limit.take(start + 100ms));
  EXPECT_NEAR(limit.available(start + 350ms), 2.5, 1e-6);
  EXPECT_NEAR(limit.available(start + 1h), 3, 1e-6);
  EXPECT_EQ(limit.until_available(start + 1h), 0ns);
}

TEST(RateLimitTest, TheWaitItNamesIsLongEnough) {
  for (const double ceiling : {0.07, 0.3, 1.0, 3.0, 7.0, 333.0}) {
    RateLimit limit({.ceiling = ceiling, .burst = 1});
    SteadyTime now = start;
    for (int i = 0; i < 1000; ++i) {
      now += limit.until_available(now);
      ASSERT_TRUE(limit.take(now)) << ceiling << ", token " << i;
    }
    EXPECT_NEAR(Seconds(now - start).count(), 999 / ceiling, 0.01 / ceiling + 1e-3);
  }
}

TEST(RateLimitTest, WithoutACeilingNothingIsLimitedButARetryAfterIsObeyed) {
  RateLimit limit({.ceiling = 0, .burst = 1});
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(limit.take(start));
  limit.on_limited(start, start + 1ms, std::nullopt);
  EXPECT_TRUE(limit.take(start + 1ms));
  limit.on_limited(start, start + 1ms, 2s);
  EXPECT_FALSE(limit.take(start + 2000ms));
  EXPECT_TRUE(limit.take(start + 2001ms));
  EXPECT_EQ(limit.rate(), 0);
  EXPECT_EQ(limit.limited(), 2U);
}

TEST(RateLimitTest, ARetryAfterPausesItForFiveMinutesAtMost) {
  RateLimit limit({.ceiling = 10, .burst = 5});
  ASSERT_TRUE(limit.take(start));
  limit.on_limited(start, start, 7s);
  EXPECT_TRUE(limit.paused(start + 6999ms));
  EXPECT_EQ(limit.available(start + 6s), 0);
  EXPECT_EQ(limit.until_available(start + 2s), 5s);
  EXPECT_FALSE(limit.take(start + 6999ms));
  EXPECT_FALSE(limit.paused(start + 7s));
  EXPECT_TRUE(limit.take(start + 7s));
  EXPECT_FALSE(limit.take(start + 7s)) << "one request asks whether the pause was long enough";

  limit.on_limited(start + 7s, start + 8s, std::chrono::hours{24});
  EXPECT_EQ(limit.until_available(start + 8s), 5min);
  limit.on_limited(start + 7s, start + 9s, 1s);
  EXPECT_EQ(limit.until_available(start + 9s), 299s) << "a shorter one does not end a longer one";
}

TEST(RateLimitTest, ARetryAfterThatIsNoTimeIsNoPause) {
  RateLimit limit({.ceiling = 10, .burst = 5});
  limit.on_limited(start, start, -3s);
  EXPECT_FALSE(limit.paused(start));
  limit.on_limited(start, start + 1ms, 0s);
  EXPECT_FALSE(limit.paused(start + 1ms));
}

TEST(RateLimitTest, CutsThatFollowHardUponEachOtherGoDeeper) {
  Overload overload(wide_open, 10, 5, 1);
  overload.run_for(2min);
  RateLimit& limit = overload.limit;
  std::vector<double> left;
  for (SteadyTime now = overload.now; left.size() < 8; now += 100ms) {
    const double before = limit.rate();
    limit.on_limited(now, now, std::nullopt);
    left.push_back(limit.rate() / before);
  }
  EXPECT_GE(left.front(), 0.9);
  EXPECT_LE(left.back(), 0.6);
  EXPECT_TRUE(std::ranges::is_sorted(std::next(left.begin()), left.end(), std::greater<>()));
}

TEST(RateLimitTest, The429sOfOneRoundTripCutOnce) {
  RateLimit limit({.ceiling = 100, .burst = 1});
  limit.on_limited(start, start + 50ms, std::nullopt);
  const double rate = limit.rate();
  EXPECT_LT(rate, 100);
  for (int i = 1; i < 50; ++i) limit.on_limited(start + 1ms * i, start + 50ms + 1ms * i, std::nullopt);
  EXPECT_EQ(limit.rate(), rate);
  EXPECT_EQ(limit.cuts(), 1U);
  EXPECT_EQ(limit.limited(), 50U);
  limit.on_limited(start + 50ms, start + 100ms, std::nullopt);
  EXPECT_LT(limit.rate(), rate);
}

TEST(RateLimitTest, A429AfterABurstShrinksTheBurstAndNotTheRate) {
  RateLimit limit({.ceiling = 10, .burst = 8});
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(limit.take(start));
  limit.on_limited(start, start + 20ms, std::nullopt);
  EXPECT_EQ(limit.rate(), 10);
  EXPECT_EQ(limit.burst(), 1);
  EXPECT_LE(limit.available(start + 1min), 1);
}

TEST(RateLimitTest, TheRateNeverFallsSoLowThatALiftedLimitGoesUnnoticed) {
  RateLimit limit({.ceiling = 10, .burst = 1});
  SteadyTime now = start;
  for (int i = 0; i < 100; ++i) {
    limit.on_limited(now, now, std::nullopt);
    now += 1s;
  }
  EXPECT_GE(limit.rate(), 1.0 / 60);
  EXPECT_LT(limit.rate(), 1);
}

TEST(RateLimitTest, ARateThatIsNotUsedUpDoesNotGrow) {
  RateLimit limit({.ceiling = 100, .burst = 1});
  limit.on_limited(start, start, std::nullopt);
  const double rate = limit.rate();
  SteadyTime now = start;
  for (int i = 0; i < 1000; ++i) {
    now += 10s;
    ASSERT_TRUE(limit.take(now));
    limit.on_success(now, now + 20ms);
  }
  EXPECT_EQ(limit.rate(), rate);
}

TEST(RateLimitTest, WithoutA429TheRateStaysAtTheCeiling) {
  Overload overload(wide_open, 0, 1, 1);
  const auto counts = overload.count_for(1min);
  EXPECT_EQ(overload.limit.rate(), 500);
  EXPECT_EQ(overload.limit.burst(), 20);
  EXPECT_GT(counts.accepted, 0.9 * 16 / 0.06 * 60) << "what 16 requests under way allow";
  EXPECT_EQ(counts.limited, 0);
}

/// The upstream's limit, which ours has to find out.
struct Unknown {
  double rate;  // requests per second
  double capacity;
};

std::string describe(const Unknown& unknown, unsigned seed) {
  return std::to_string(unknown.rate) + " a second, a bucket of " + std::to_string(unknown.capacity) +
         ", seed " + std::to_string(seed);
}

/// At one request a second or less, a minute's thirty to sixty requests are too few to find the limit by, and
/// too few to count a share of 0.8 % in: it has five minutes to learn, and is watched for another five.
std::chrono::minutes learning_time(const Unknown& unknown) {
  return unknown.rate <= 1 ? 5min : 1min;
}

/// Calls `test` with every rate, capacity and seed.
void for_each_unknown(const std::function<void(const Unknown&, unsigned seed)>& test) {
  for (const double rate : {0.5, 1.0, 3.0, 10.0, 50.0, 200.0}) {
    for (const double capacity : {1.0, 2.0, 5.0, 20.0}) {
      for (unsigned seed = 1; seed <= 5; ++seed) {
        const Unknown unknown{rate, capacity};
        SCOPED_TRACE(describe(unknown, seed));
        test(unknown, seed);
      }
    }
  }
}

TEST(RateLimitLearns, NearlyAllOfAnUnknownLimitIsUsedAndHardlyA429Seen) {
  for_each_unknown([](const Unknown& unknown, unsigned seed) {
    const auto span = learning_time(unknown);
    Overload overload(wide_open, unknown.rate, unknown.capacity, seed);
    overload.run_for(span);
    const auto counts = overload.count_for(span);
    EXPECT_GE(counts.accepted, 0.92 * unknown.rate * Seconds(span).count());
    EXPECT_LE(counts.limited_share(), 0.008);
  });
}

TEST(RateLimitLearns, FromTheCeilingDownTheLimitIsFoundWithinSeconds) {
  for_each_unknown([](const Unknown& unknown, unsigned seed) {
    Overload overload(wide_open, unknown.rate, unknown.capacity, seed);
    overload.run_for(10s);
    EXPECT_LE(overload.limit.rate(), 1.6 * unknown.rate);
    EXPECT_LE(overload.counts.limited, 60);
  });
}

TEST(RateLimitLearns, WhatWasLearnedDoesNotBurstAfterIdling) {
  for_each_unknown([](const Unknown& unknown, unsigned seed) {
    Overload overload(wide_open, unknown.rate, unknown.capacity, seed);
    overload.run_for(learning_time(unknown));
    const Overload::Counts before = overload.counts;
    for (int i = 0; i < 5; ++i) {
      overload.idle_for(1min);
      overload.run_for(std::chrono::ceil<SteadyTime::duration>(Seconds(8 / unknown.rate)));
    }
    EXPECT_LE(overload.counts.limited - before.limited, 2) << "of one burst, tried once";
    EXPECT_GE(overload.counts.accepted - before.accepted, 5 * 6);
  });
}

/// Calls `test` with limits that change, and every seed.
void for_each_change(const std::function<void(const Unknown&, unsigned seed)>& test) {
  for (const auto& unknown : {Unknown{5, 1}, Unknown{5, 20}, Unknown{10, 1}, Unknown{10, 5}, Unknown{10, 20},
                              Unknown{50, 1}, Unknown{50, 20}}) {
    for (unsigned seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(describe(unknown, seed));
      test(unknown, seed);
    }
  }
}

TEST(RateLimitFollows, ALimitThatDropsToAThirdIsFoundWithinAMinute) {
  for_each_change([](const Unknown& unknown, unsigned seed) {
    Overload overload(wide_open, unknown.rate, unknown.capacity, seed);
    overload.run_for(2min);
    overload.set_upstream(unknown.rate / 3, unknown.capacity);
    const double on_the_way = overload.count_for(1min).limited;
    EXPECT_LE(on_the_way, 30);
    const auto counts = overload.count_for(1min);
    EXPECT_GE(counts.accepted, 0.85 * unknown.rate / 3 * 60);
    EXPECT_LE(counts.limited_share(), 0.03);
  });
}

TEST(RateLimitFollows, ALimitThatRisesThreefoldIsUsedWithinTwoMinutes) {
  for_each_change([](const Unknown& unknown, unsigned seed) {
    Overload overload(wide_open, unknown.rate, unknown.capacity, seed);
    overload.run_for(2min + seed * 7s);
    overload.set_upstream(3 * unknown.rate, unknown.capacity);
    overload.run_for(2min);
    EXPECT_GE(overload.count_for(20s).accepted, 0.8 * 3 * unknown.rate * 20);
  });
}

TEST(RateLimitTest, ARetryAfterOnEvery429KeepsThemRare) {
  Overload overload(wide_open, 10, 5, 1);
  overload.retry_after = 1s;
  overload.run_for(1min);
  const auto counts = overload.count_for(1min);
  EXPECT_GE(counts.accepted, 0.85 * 10 * 60);
  EXPECT_LE(counts.limited_share(), 0.008);
}

TEST(RateLimitTest, TheBurstRecoversWhereTheUpstreamAllowsIt) {
  Overload overload({.ceiling = 20, .burst = 10}, 10, 20, 1);
  overload.run_for(1min);
  EXPECT_LT(overload.limit.burst(), 5);
  overload.set_upstream(0, 1);
  overload.run_for(10min);
  EXPECT_EQ(overload.limit.burst(), 10);
  EXPECT_EQ(overload.limit.rate(), 20);
}

TEST(RateLimit, GoesOnUnderOtherOptions) {
  RateLimit limit({.ceiling = 10, .burst = 4});
  limit.change({.ceiling = 20, .burst = 8}, start);
  EXPECT_EQ(limit.rate(), 20);
  EXPECT_EQ(limit.available(start), 8) << "it was full";
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(limit.take(start));
  limit.change({.ceiling = 20, .burst = 100}, start);
  EXPECT_FALSE(limit.take(start)) << "a larger burst is earned";
  limit.change({.ceiling = 0, .burst = 1}, start);
  EXPECT_TRUE(limit.take(start)) << "there is no limit";
  limit.change({.ceiling = 5, .burst = 3}, start);
  EXPECT_EQ(limit.rate(), 5);
  EXPECT_EQ(limit.available(start), 3);
  limit.change({.ceiling = 0, .burst = 1}, start);
  limit.on_limited(start, start, 10s);
  limit.change({.ceiling = 5, .burst = 8}, start + 1s);
  EXPECT_TRUE(limit.take(start + 10s) && !limit.take(start + 10s)) << "a pause ends with one request";
}

TEST(RateLimit, KeepsWhatItHasLearnedUnderOtherOptions) {
  RateLimit limit({.ceiling = 10, .burst = 1});
  ASSERT_TRUE(limit.take(start));
  limit.on_limited(start, start + 100ms, std::nullopt);
  const double learned = limit.rate();
  ASSERT_LT(learned, 10);
  limit.change({.ceiling = 100, .burst = 1}, start + 100ms);
  EXPECT_EQ(limit.rate(), learned);
  limit.change({.ceiling = 1, .burst = 1}, start + 100ms);
  EXPECT_EQ(limit.rate(), 1);
}

}  // namespace
}  // namespace roktcached::upstream
