#include "server/net/write_pace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace roktcached::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = WritePace::Verdict;

class WritePaceTest : public testing::Test {
 protected:
  void wait() { pace_.wait(now_, terms_); }
  Verdict judge_after(milliseconds passed, std::int64_t taken) {
    now_ += passed;
    return pace_.judge(now_, taken);
  }
  /// Looks as often as next_look() says while the client takes `rate` bytes a second, for `time`.
  Verdict take(double rate, seconds time) {
    const SteadyTime end = now_ + time;
    while (now_ < end) {
      const SteadyTime next = std::max(pace_.next_look(), now_ + milliseconds{1});
      taken_ += rate * std::chrono::duration<double>(next - now_).count();
      now_ = next;
      const Verdict verdict = pace_.judge(now_, static_cast<std::int64_t>(taken_));
      if (verdict != Verdict::fast_enough) return verdict;
    }
    return Verdict::fast_enough;
  }

  WritePace::Terms terms_{.timeout = seconds{30}, .min_rate = 1024};
  SteadyTime now_ = SteadyTime(seconds{1000});
  const SteadyTime begun_at_ = now_;
  WritePace pace_;
  double taken_ = 5'000'000;
};

TEST_F(WritePaceTest, LetsASteadyClientTakeItsTime) {
  wait();
  EXPECT_EQ(take(32 * 1024, std::chrono::hours{3}), Verdict::fast_enough);
  EXPECT_EQ(take(1100, std::chrono::hours{3}), Verdict::fast_enough);
}

TEST_F(WritePaceTest, EndsWithAClientThatTakesNothing) {
  wait();
  EXPECT_EQ(take(0, seconds{1000}), Verdict::stalled);
  EXPECT_EQ(now_ - begun_at_, seconds{30});
}

TEST_F(WritePaceTest, CountsFromTheLastProgress) {
  wait();
  EXPECT_EQ(take(100'000, seconds{300}), Verdict::fast_enough);
  const SteadyTime stopped_at = now_;
  EXPECT_EQ(take(0, seconds{1000}), Verdict::stalled);
  EXPECT_EQ(now_ - stopped_at, seconds{30});
}

TEST_F(WritePaceTest, EndsWithAClientThatDrips) {
  wait();
  EXPECT_EQ(take(1, seconds{1000}), Verdict::too_slow);
  EXPECT_LE(now_ - begun_at_, seconds{32});
}

TEST_F(WritePaceTest, DoesNotCreditADripWithWhatWasTakenFastBefore) {
  wait();
  EXPECT_EQ(take(10'000'000, seconds{60}), Verdict::fast_enough);
  const SteadyTime slow_since = now_;
  EXPECT_EQ(take(1, seconds{1000}), Verdict::too_slow);
  EXPECT_LE(now_ - slow_since, seconds{62}) << "the timeout in which it was fast, and the next";
}

TEST_F(WritePaceTest, LetsAClientPauseThatIsFastOnAverage) {
  wait();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(take(0, seconds{20}), Verdict::fast_enough);
    EXPECT_EQ(take(100'000, seconds{2}), Verdict::fast_enough);
  }
}

TEST_F(WritePaceTest, HasNoFloorWhereTheRateIsZero) {
  terms_.min_rate = 0;
  wait();
  EXPECT_EQ(take(1, std::chrono::hours{3}), Verdict::fast_enough);
  EXPECT_EQ(take(0, seconds{1000}), Verdict::stalled) << "the timeout stays";
}

TEST_F(WritePaceTest, DoesNotCountTheTimeInWhichTheClientIsNotWaitedFor) {
  wait();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(judge_after(seconds{2}, 0), Verdict::fast_enough) << i;
    pace_.pause(now_);
    now_ += seconds{100};
    wait();
  }
  EXPECT_EQ(judge_after(seconds{9}, 0), Verdict::fast_enough);
  EXPECT_EQ(judge_after(seconds{1}, 0), Verdict::stalled) << "30 seconds of 1030";
}

TEST_F(WritePaceTest, CountsOnOverPausesWhereTheClientIsSlow) {
  // Else content that comes in small pieces would be a new beginning with each.
  wait();
  Verdict verdict = Verdict::fast_enough;
  for (int i = 0; i < 20 && verdict == Verdict::fast_enough; ++i) {
    verdict = take(10, seconds{5});
    pace_.pause(now_);
    wait();
  }
  EXPECT_EQ(verdict, Verdict::too_slow);
}

TEST_F(WritePaceTest, LooksAlsoWhereEachWaitIsShort) {
  wait();
  const SteadyTime due = pace_.next_look();
  for (SteadyTime waited = now_; waited < due; waited += milliseconds{50}) {
    now_ += milliseconds{50};
    pace_.pause(now_);
    now_ += seconds{10};
    wait();
  }
  EXPECT_LE(pace_.next_look(), now_);
}

TEST_F(WritePaceTest, TakesLessThanBeforeForNoProgress) {
  // What the kernel holds counts in other units over a Unix socket: right after a write there may seem to be
  // less.
  wait();
  EXPECT_EQ(judge_after(seconds{1}, 1000), Verdict::fast_enough);
  EXPECT_EQ(judge_after(seconds{20}, -500'000), Verdict::fast_enough);
  EXPECT_EQ(judge_after(seconds{8}, 1000), Verdict::fast_enough);
  EXPECT_EQ(judge_after(seconds{1}, 1000), Verdict::stalled);
}

TEST_F(WritePaceTest, LooksOftenEnoughForShortTimeoutsAndNotMoreThanOnceASecondForLongOnes) {
  wait();
  EXPECT_EQ(pace_.next_look() - now_, seconds{1});
  terms_.timeout = milliseconds{800};
  pace_ = {};
  wait();
  EXPECT_EQ(pace_.next_look() - now_, milliseconds{100});
}

TEST_F(WritePaceTest, APausePutsTheNextLookOff) {
  wait();
  const auto left = pace_.next_look() - now_;
  pace_.pause(now_);
  now_ += seconds{100};
  wait();
  EXPECT_EQ(pace_.next_look() - now_, left);
}

}  // namespace
}  // namespace roktcached::net
