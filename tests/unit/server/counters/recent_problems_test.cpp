#include "server/counters/recent_problems.h"

#include <gtest/gtest.h>

namespace roktcached::counters {
namespace {

using http::CacheOutcome;
using namespace std::chrono_literals;

WallTime at(int second) {
  return WallTime(std::chrono::seconds(second));
}

TEST(RecentProblems, AreToldAsTheyCame) {
  RecentProblems problems;
  problems.add(at(1), "bi", "account-summary", CacheOutcome::failed, 504, "upstream-timeout");
  problems.add(at(2), "etl", "", CacheOutcome::refused, 404, "unknown-route");
  const auto read = problems.read();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].at, at(1));
  EXPECT_EQ(read[0].client, "bi");
  EXPECT_EQ(read[0].route, "account-summary");
  EXPECT_EQ(read[0].outcome, CacheOutcome::failed);
  EXPECT_EQ(read[0].status, 504U);
  EXPECT_EQ(read[0].reason, "upstream-timeout");
  EXPECT_EQ(read[1].route, "-");
}

TEST(RecentProblems, CountTheSameOneAgain) {
  RecentProblems problems;
  for (int second = 1; second <= 3; ++second)
    problems.add(at(second), "bi", "account-summary", CacheOutcome::failed, 504, "upstream-timeout");
  problems.add(at(4), "bi", "account-summary", CacheOutcome::failed, 503, "overloaded");
  const auto read = problems.read();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].times, 3U);
  EXPECT_EQ(read[0].at, at(3));
  EXPECT_EQ(read[1].times, 1U);
}

TEST(RecentProblems, AreTheLastFifty) {
  RecentProblems problems;
  for (unsigned i = 0; i < 120; ++i)
    problems.add(at(static_cast<int>(i)), "bi", "account-summary", CacheOutcome::failed, 400 + i, "");
  const auto read = problems.read();
  ASSERT_EQ(read.size(), 50U);
  EXPECT_EQ(read.front().status, 400U + 70);
  EXPECT_EQ(read.back().status, 400U + 119);
}

TEST(RecentProblems, KeepTheBeginningOfALongName) {
  RecentProblems problems;
  const std::string name(1000, 'n');
  problems.add(at(1), name, "account-summary", CacheOutcome::failed, 504, "");
  problems.add(at(2), name, "account-summary", CacheOutcome::failed, 504, "");
  const auto read = problems.read();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].client, std::string(64, 'n'));
  EXPECT_EQ(read[0].times, 2U);
}

TEST(RecentProblems, OfSeveralThreadsAreOneListWithTheLastFirst) {
  RecentProblems one;
  RecentProblems other;
  for (int i = 0; i < 40; ++i) {
    one.add(at(2 * i), "one", "r", CacheOutcome::failed, static_cast<unsigned>(i), "");
    other.add(at(2 * i + 1), "other", "r", CacheOutcome::failed, static_cast<unsigned>(i), "");
  }
  auto all = one.read();
  const auto more = other.read();
  all.insert(all.end(), more.begin(), more.end());
  const auto last = last_of(std::move(all));
  ASSERT_EQ(last.size(), 50U);
  EXPECT_EQ(last.front().at, at(79));
  EXPECT_EQ(last.front().client, "other");
  EXPECT_EQ(last.back().at, at(30));
}

}  // namespace
}  // namespace roktcached::counters
