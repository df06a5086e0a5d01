#include "server/counters/report_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached::counters {
namespace {

using http::CacheOutcome;
using testing::ElementsAre;
using namespace std::chrono_literals;

std::vector<std::string> names_of(const ReportAsks& asks) {
  std::vector<std::string> names;
  for (const ReportClient& client : asks.clients) names.push_back(client.client);
  return names;
}

class ReportStatsTest : public testing::Test {
 protected:
  ReportAsks read(const caching::KeyHash& key) { return thread_.read(key, now_).value(); }

  const std::string bi_ = "bi";
  const std::string cron_ = "cron";
  const caching::KeyHash key_{1, 2};
  SteadyTime now_ = SteadyTime(1h);
  ReportStats thread_;
};

TEST_F(ReportStatsTest, SayWhoHasAskedForAReportHowOftenAndWhenLast) {
  thread_.add(key_, bi_, CacheOutcome::miss, now_);
  thread_.add(key_, bi_, CacheOutcome::hit, now_ + 2s);
  thread_.add(key_, cron_, CacheOutcome::refreshing_hit, now_ + 5s);
  thread_.add({1, 3}, cron_, CacheOutcome::hit, now_ + 6s);
  now_ += 10s;
  const ReportAsks asks = read(key_);
  EXPECT_EQ(asks.asked, 3U);
  EXPECT_EQ(asks.from_cache, 2U);
  EXPECT_THAT(names_of(asks), ElementsAre("cron", "bi"));
  EXPECT_EQ(asks.clients[0].ago, 5s);
  EXPECT_EQ(asks.clients[1].ago, 8s);
  EXPECT_EQ(asks.clients[1].asked, 2U);
}

TEST_F(ReportStatsTest, KnowNothingOfAReportThatNobodyHasAskedFor) {
  thread_.add(key_, bi_, CacheOutcome::hit, now_);
  EXPECT_FALSE(thread_.read({0, 0}, now_).has_value());
  EXPECT_FALSE(thread_.read({2, 2}, now_).has_value()) << "both halves of the hash count";
}

TEST_F(ReportStatsTest, KeepTheClientsThatAskedLast) {
  std::vector<std::string> names;
  for (char name = 'a'; name < 'a' + 10; ++name) names.emplace_back(1, name);
  for (const std::string& name : names) thread_.add(key_, name, CacheOutcome::hit, now_ += 1s);
  thread_.add(key_, names[2], CacheOutcome::hit, now_ += 1s);
  thread_.add(key_, names[0], CacheOutcome::hit, now_ += 1s);
  const ReportAsks asks = read(key_);
  EXPECT_THAT(names_of(asks), ElementsAre("a", "c", "j", "i", "h", "g", "f", "e"));
  EXPECT_EQ(asks.asked, 12U) << "also of those that are forgotten";
  EXPECT_EQ(asks.clients[0].asked, 1U) << "it begins anew";
  EXPECT_EQ(asks.clients[1].asked, 2U);
}

TEST_F(ReportStatsTest, KeepTheReportsThatWereAskedForLast) {
  constexpr std::uint64_t same_set = ReportStats::reports_max / 8;
  for (std::uint64_t i = 0; i < 8; ++i) thread_.add({i, i * same_set}, bi_, CacheOutcome::hit, now_ += 1s);
  thread_.add({0, 0}, bi_, CacheOutcome::hit, now_ += 1s);
  thread_.add({8, 8 * same_set}, bi_, CacheOutcome::miss, now_ += 1s);
  EXPECT_EQ(read({0, 0}).asked, 2U);
  EXPECT_EQ(read({8, 8 * same_set}).asked, 1U);
  EXPECT_EQ(read({8, 8 * same_set}).from_cache, 0U);
  EXPECT_FALSE(thread_.read({1, same_set}, now_).has_value()) << "its last request was longest ago";
}

TEST_F(ReportStatsTest, AreBounded) {
  for (std::uint64_t i = 0; i < 10 * ReportStats::reports_max; ++i)
    thread_.add({i, i}, bi_, CacheOutcome::hit, now_ += 1ms);
  EXPECT_EQ(thread_.counts().size(), ReportStats::reports_max);
}

TEST_F(ReportStatsTest, OfSeveralThreadsAreOne) {
  ReportStats other;
  thread_.add(key_, bi_, CacheOutcome::hit, now_);
  other.add(key_, cron_, CacheOutcome::hit, now_ + 1s);
  other.add(key_, bi_, CacheOutcome::miss, now_ + 2s);
  ReportAsks sum = read(key_);
  sum.add(other.read(key_, now_ + 3s).value());
  EXPECT_EQ(sum.asked, 3U);
  EXPECT_EQ(sum.from_cache, 2U);
  ASSERT_THAT(names_of(sum), testing::UnorderedElementsAre("bi", "cron"));
  EXPECT_EQ(std::ranges::find(sum.clients, "bi", &ReportClient::client)->asked, 2U);
}

}  // namespace
}  // namespace roktcached::counters
