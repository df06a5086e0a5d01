#include <gmock/gmock.h>

#include "server/simulator/reports.h"
#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using examples::campaign_sums;
using examples::expect_sums;
using examples::items_of;
using examples::json_of;
using examples::micro;
using examples::noon_in_march;
using examples::Range;
using examples::report_target;
using examples::texts_of;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

std::int64_t impressions_of(const Range& range, WallTime now) {
  return micro(json_of(report_target("campaigns/3/overview", range), now), "impressions");
}

TEST(ReportTimeTest, TheHistogramsDaysAddUpToTheOverview) {
  for (const char* zone :
       {"America/Chicago", "Pacific/Honolulu", "Australia/Sydney", "Asia/Kolkata", "Asia/Kathmandu"}) {
    const Range range{.zone = zone};
    expect_sums(items_of(report_target("campaigns/3/histogram", range)),
                json_of(report_target("campaigns/3/overview", range)), campaign_sums);
  }
}

TEST(ReportTimeTest, AHistogramsRowIsItsDaysOverview) {
  const auto rows = items_of(report_target("campaigns/3/histogram"));
  ASSERT_EQ(texts_of(rows, "intervalTimestamp"),
            (std::vector<std::string>{"2026-01-05T00:00:00.000", "2026-01-06T00:00:00.000",
                                      "2026-01-07T00:00:00.000"}));
  const auto day =
      json_of(report_target("campaigns/3/overview", {.start = "2026-01-06", .end = "2026-01-06"}));
  for (const auto& field : campaign_sums) EXPECT_EQ(micro(rows[1], field), micro(day, field)) << field;
}

TEST(ReportTimeTest, AHistogramHasExactlyTheDaysOfTheRangeAcrossAChangeOfTheClock) {
  // Chicago's clock went forward on 2026-03-08 and back on 2025-11-02.
  const auto spring =
      items_of(report_target("campaigns/3/histogram", {.start = "2026-03-07", .end = "2026-03-09"}));
  EXPECT_EQ(spring.size(), 3U);
  const Range autumn{.start = "2025-11-01", .end = "2025-11-03"};
  EXPECT_EQ(items_of(report_target("campaigns/3/histogram", autumn)).size(), 3U);
}

TEST(ReportTimeTest, ADayIsOneRowEvenWhereItsMidnightComesTwice) {
  // In Havana the clock went back from 01:00 to 00:00 on 2025-11-02.
  const auto day_before = items_of(report_target(
      "campaigns/3/histogram", {.start = "2025-11-01", .end = "2025-11-01", .zone = "America/Havana"}));
  EXPECT_EQ(texts_of(day_before, "intervalTimestamp"), std::vector<std::string>{"2025-11-01T00:00:00.000"});
  const Range both{.start = "2025-11-01", .end = "2025-11-02", .zone = "America/Havana"};
  EXPECT_EQ(items_of(report_target("campaigns/3/histogram", both)).size(), 2U);
}

TEST(ReportTimeTest, TheZoneMovesTheDaysBoundaries) {
  const auto of_zone = [](const char* zone) {
    return json_of(report_target("campaigns/3/overview", {.zone = zone}));
  };
  EXPECT_NE(of_zone("Australia/Sydney"), of_zone("America/Chicago"));
  // Midnight in Sydney in January is 13:00 UTC of the day before.
  EXPECT_EQ(
      of_zone("Australia/Sydney"),
      json_of(report_target("campaigns/3/overview",
                            {.start = "2026-01-04T13:00:00", .end = "2026-01-07T12:59:59", .zone = "UTC"})));
}

TEST(ReportTimeTest, AnOpenRangeGrowsHourByHour) {
  const Range today{.start = "2026-03-15", .end = "2026-03-15", .zone = "UTC"};
  std::int64_t before = impressions_of(today, noon_in_march);
  EXPECT_GT(before, 0);
  for (int hour = 1; hour <= 11; ++hour) {
    const std::int64_t after = impressions_of(today, noon_in_march + hours{hour});
    EXPECT_GT(after, before);
    before = after;
  }
  EXPECT_EQ(impressions_of(today, noon_in_march + hours{12}), impressions_of(today, noon_in_march + days{5}));
}

TEST(ReportTimeTest, NothingGrowsWithinAnHour) {
  const std::string target =
      report_target("campaigns/3/overview", {.start = "2026-03-01", .end = "2026-03-15", .zone = "UTC"});
  EXPECT_EQ(json_of(target, noon_in_march - minutes{30}), json_of(target, noon_in_march + minutes{29}));
  EXPECT_NE(json_of(target, noon_in_march), json_of(target, noon_in_march + minutes{30}));
}

TEST(ReportTimeTest, AFutureRangeIsEmpty) {
  const Range future{.start = "2026-04-01", .end = "2026-04-30"};
  EXPECT_TRUE(items_of(report_target("campaigns/breakdown", future)).empty());
  EXPECT_TRUE(items_of(report_target("campaigns/3/histogram", future)).empty());
  const auto overview = json_of(report_target("campaigns/3/overview", future));
  for (const auto& field : overview) EXPECT_EQ(field.value().to_number<double>(), 0) << field.key();
  const auto transactions = json_of(report_target("transactions/overview", future));
  EXPECT_EQ(transactions.at("rpt").to_number<double>(), 0);
  EXPECT_EQ(transactions.at("rpm").to_number<double>(), 0);
}

TEST(ReportTimeTest, OnlyReferralDateAcquisitionsOfAPastRangeGrow) {
  const std::string target =
      report_target("campaigns/3/overview", {.start = "2026-03-01", .end = "2026-03-02", .zone = "UTC"});
  const WallTime end{std::chrono::sys_days{std::chrono::year{2026} / 3 / 3}};
  std::int64_t before = micro(json_of(target, end), "acquisitionsByReferralDate");
  for (const int day : {10, 20, 30}) {
    const auto later = json_of(target, end + days{day});
    EXPECT_GT(micro(later, "acquisitionsByReferralDate"), before) << day;
    before = micro(later, "acquisitionsByReferralDate");
    for (const auto& field : campaign_sums) {
      if (field == "acquisitionsByReferralDate") continue;
      EXPECT_EQ(micro(later, field), micro(json_of(target, end), field)) << field;
    }
  }
}

TEST(ReportTimeTest, ARangeIsSettledAfterThirtyDays) {
  const std::string target =
      report_target("campaigns/3/overview", {.start = "2026-03-01", .end = "2026-03-02", .zone = "UTC"});
  const WallTime end{std::chrono::sys_days{std::chrono::year{2026} / 3 / 3}};
  EXPECT_NE(json_of(target, end + days{29}), json_of(target, end + days{30}));
  EXPECT_EQ(json_of(target, end + days{30}), json_of(target, end + days{400}));
}

TEST(ReportTimeTest, RestatedRangesStillAddUp) {
  const WallTime soon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 12}};
  expect_sums(items_of(report_target("campaigns/3/breakdown", {}, "creative"), soon),
              json_of(report_target("campaigns/3/overview"), soon), campaign_sums);
  expect_sums(items_of(report_target("campaigns/3/histogram"), soon),
              json_of(report_target("campaigns/3/overview"), soon), campaign_sums);
}

TEST(ReportTimeTest, TheSameRequestHasTheSameBytesAndAnotherSeedOthers) {
  const std::string target = report_target("campaigns/breakdown");
  EXPECT_EQ(answer(World(1), target, noon_in_march).body, answer(World(1), target, noon_in_march).body);
  EXPECT_NE(answer(World(1), target, noon_in_march).body, answer(World(2), target, noon_in_march).body);
}

TEST(ReportTimeTest, TheOrderOfParametersChangesNothing) {
  const std::string reordered =
      "/reporting/accounts/7/"
      "summary?timeZoneVariation=America%2FChicago&currency=USD&dateEnd=2026-01-07&dateStart=2026-01-05";
  EXPECT_EQ(answer(World(1), reordered, noon_in_march).body,
            answer(World(1), report_target("summary"), noon_in_march).body);
}

}  // namespace
}  // namespace roktcached::simulator
