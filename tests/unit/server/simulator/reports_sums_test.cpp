#include <gmock/gmock.h>

#include "server/simulator/reports.h"
#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using boost::json::object;
using examples::campaign_sums;
using examples::expect_sums;
using examples::items_of;
using examples::json_of;
using examples::micro;
using examples::Range;
using examples::report_target;
using examples::transaction_sums;

std::vector<object> overviews(const std::string& in_front, int count, const std::string& behind,
                              const Range& range = {}) {
  std::vector<object> rows;
  for (int id = 1; id <= count; ++id)
    rows.push_back(json_of(report_target(in_front + std::to_string(id) + behind, range)));
  return rows;
}

TEST(ReportSumsTest, CreativesAddUpToTheirCampaign) {
  const auto campaign = json_of(report_target("campaigns/3/overview"));
  expect_sums(overviews("campaigns/3/creatives/", 6, "/overview"), campaign, campaign_sums);
  expect_sums(items_of(report_target("campaigns/3/breakdown", {}, "creative")), campaign, campaign_sums);
}

TEST(ReportSumsTest, ACreativesRowInTheBreakdownIsItsOverview) {
  const auto rows = items_of(report_target("campaigns/3/breakdown", {}, "creative"));
  const auto whole = overviews("campaigns/3/creatives/", 6, "/overview");
  ASSERT_EQ(rows.size(), whole.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(std::string(rows[i].at("groupByValue").as_string()), std::to_string(i + 1));
    for (const auto& field : campaign_sums) EXPECT_EQ(micro(rows[i], field), micro(whole[i], field)) << field;
  }
}

TEST(ReportSumsTest, CampaignsAddUpToTheirAccount) {
  const auto summary = json_of(report_target("summary"));
  const auto& account = summary.at("campaignsSummary").as_object();
  expect_sums(overviews("campaigns/", 12, "/overview"), account, campaign_sums);
  expect_sums(items_of(report_target("campaigns/breakdown")), account, campaign_sums);
}

TEST(ReportSumsTest, EveryOtherBreakdownOfTheAccountAddsUpToIt) {
  const auto summary = json_of(report_target("summary"));
  for (const char* groupby : {"country", "partner-source"}) {
    expect_sums(items_of(report_target("campaigns/breakdown", {}, groupby)),
                summary.at("campaignsSummary").as_object(), campaign_sums);
  }
}

TEST(ReportSumsTest, EveryBreakdownOfACampaignAddsUpToIt) {
  const auto campaign = json_of(report_target("campaigns/3/overview"));
  for (const char* groupby : {"country", "campaign", "audience", "subvertical"}) {
    expect_sums(items_of(report_target("campaigns/3/breakdown", {}, groupby)), campaign, campaign_sums);
  }
}

TEST(ReportSumsTest, AudiencesAddUpToTheirCreative) {
  expect_sums(items_of(report_target("campaigns/3/creatives/2/breakdown")),
              json_of(report_target("campaigns/3/creatives/2/overview")), campaign_sums);
}

TEST(ReportSumsTest, EveryBreakdownOfTransactionsAddsUpToTheirOverview) {
  const auto overview = json_of(report_target("transactions/overview"));
  for (const char* groupby : {"age", "gender", "page", "pagetype", "position", "brand"}) {
    expect_sums(items_of(report_target("transactions/breakdown", {}, groupby)), overview, transaction_sums);
  }
  expect_sums(
      items_of(report_target("transactions/breakdown", {}, "placement")), overview,
      {"revenue", "placementImpressions", "impressions", "referrals", "positivePlacementEngagements"});
}

TEST(ReportSumsTest, TheSummaryHoldsTheTransactionsOverview) {
  EXPECT_EQ(json_of(report_target("summary")).at("transactionsSummary").as_object(),
            json_of(report_target("transactions/overview")));
}

TEST(ReportSumsTest, AdjacentRangesAddUpToTheRangeOfBoth) {
  const std::vector<object> parts = {
      json_of(
          report_target("campaigns/3/overview", {.start = "2026-01-05", .end = "2026-01-05T23:59:59.999"})),
      json_of(report_target("campaigns/3/overview", {.start = "2026-01-06T00:00:00", .end = "2026-01-07"}))};
  expect_sums(parts, json_of(report_target("campaigns/3/overview")), campaign_sums);
}

TEST(ReportSumsTest, ABareDateEndIsTheWholeDay) {
  EXPECT_EQ(json_of(report_target("campaigns/3/overview", {.end = "2026-01-07"})),
            json_of(report_target("campaigns/3/overview", {.end = "2026-01-07T23:59:59"})));
  EXPECT_NE(json_of(report_target("campaigns/3/overview", {.end = "2026-01-07"})),
            json_of(report_target("campaigns/3/overview", {.end = "2026-01-07T00:00:00"})));
}

TEST(ReportSumsTest, RatiosAreMadeFromTheSums) {
  for (const auto& row : items_of(report_target("transactions/breakdown", {}, "age"))) {
    const double revenue = row.at("revenue").to_number<double>();
    EXPECT_NEAR(row.at("rpt").to_number<double>(), revenue / row.at("transactions").to_number<double>(),
                1e-6);
    EXPECT_NEAR(row.at("rpm").to_number<double>(),
                1000 * revenue / row.at("placementImpressions").to_number<double>(), 1e-6);
  }
}

TEST(ReportSumsTest, RatiosOfAWideRangeInASmallUnitDoNotOverflow) {
  const Range wide{.start = "2023-01-01", .end = "2025-12-31", .currency = "KRW"};
  const auto overview = json_of(report_target("transactions/overview", wide));
  const double expected = 1000 * overview.at("revenue").to_number<double>() /
                          overview.at("placementImpressions").to_number<double>();
  EXPECT_NEAR(overview.at("rpm").to_number<double>(), expected, 1e-3);
}

TEST(ReportSumsTest, DistinctThingsAreCountedOnce) {
  const auto summary = json_of(report_target("summary"));
  const auto& account = summary.at("campaignsSummary").as_object();
  EXPECT_EQ(account.at("campaigns"), 12);
  EXPECT_EQ(account.at("creatives"), 12 * 6);
  EXPECT_EQ(account.at("audiences"), 12 * 4);
  EXPECT_EQ(account.at("campaignCountries"), 4);
  const auto campaign = json_of(report_target("campaigns/3/overview"));
  EXPECT_EQ(campaign.at("campaigns"), 1);
  EXPECT_EQ(campaign.at("creatives"), 6);
  EXPECT_EQ(campaign.at("audiences"), 4);
  const auto creative = json_of(report_target("campaigns/3/creatives/2/overview"));
  EXPECT_EQ(creative.at("creatives"), 1);
  EXPECT_EQ(creative.at("audiences"), 4);
}

TEST(ReportSumsTest, TheCountriesOfACampaignAreAsManyAsItsCountryRows) {
  for (int campaign = 1; campaign <= campaigns; ++campaign) {
    const std::string path = "campaigns/" + std::to_string(campaign);
    const auto rows = items_of(report_target(path + "/breakdown", {}, "country"));
    EXPECT_EQ(json_of(report_target(path + "/overview")).at("campaignCountries"), rows.size());
  }
}

TEST(ReportSumsTest, UniqueReferralsAreNoMoreThanReferrals) {
  for (const auto& row : items_of(report_target("campaigns/3/creatives/2/breakdown"))) {
    EXPECT_GT(micro(row, "uniqueReferrals"), 0);
    EXPECT_LE(micro(row, "uniqueReferrals"), micro(row, "referrals"));
  }
}

/// One creative's day in `currency` is `rate` times the same in USD.
class CurrencyTest : public testing::TestWithParam<std::pair<const char*, double>> {};

TEST_P(CurrencyTest, ConvertsAtAFixedRateAndStillAddsUp) {
  const auto& [currency, rate] = GetParam();
  const Range range{.currency = currency};
  const auto converted = json_of(report_target("campaigns/3/overview", range));
  const auto dollars = json_of(report_target("campaigns/3/overview"));
  for (const char* money : {"grossCost", "netCost"}) {
    EXPECT_NEAR(converted.at(money).to_number<double>(), rate * dollars.at(money).to_number<double>(), 1e-3)
        << money;
  }
  EXPECT_EQ(converted.at("impressions"), dollars.at("impressions"));
  expect_sums(overviews("campaigns/3/creatives/", 6, "/overview", range), converted, campaign_sums);
}

INSTANTIATE_TEST_SUITE_P(Ten, CurrencyTest,
                         testing::Values(std::pair{"AUD", 1.5}, std::pair{"CAD", 1.35},
                                         std::pair{"EUR", 0.92}, std::pair{"GBP", 0.79},
                                         std::pair{"JPY", 150.0}, std::pair{"NZD", 1.65},
                                         std::pair{"SGD", 1.34}, std::pair{"USD", 1.0},
                                         std::pair{"KRW", 1330.0}, std::pair{"CNY", 7.2}),
                         [](const auto& instance) { return std::string(instance.param.first); });

}  // namespace
}  // namespace roktcached::simulator
