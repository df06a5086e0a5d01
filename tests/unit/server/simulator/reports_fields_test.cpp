#include <gmock/gmock.h>

#include "server/simulator/reports.h"
#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using examples::items_of;
using examples::json_of;
using examples::names_of;
using examples::report_target;
using Names = std::vector<std::string>;

// Every list is the one of the API's page, in its order.
const Names campaign_row = {"grossCost",
                            "netCost",
                            "impressions",
                            "referrals",
                            "acquisitionsByConversionDate",
                            "acquisitionsByReferralDate",
                            "campaigns",
                            "creatives",
                            "audiences",
                            "campaignCountries"};
const Names transactions_whole = {
    "revenue", "transactions", "placementImpressions",         "impressions", "referrals",
    "rpt",     "rpm",          "positivePlacementEngagements", "purchases"};
const Names transactions_row = {"groupByValue", "revenue",   "transactions", "placementImpressions",
                                "impressions",  "referrals", "purchases",    "positivePlacementEngagements",
                                "rpt",          "rpm"};

Names in_front(const std::string& first, Names names, const std::string& last = "") {
  names.insert(names.begin(), first);
  if (!last.empty()) names.push_back(last);
  return names;
}

TEST(ReportFieldsTest, AccountCampaignsBreakdown) {
  const auto rows = items_of(report_target("campaigns/breakdown"));
  const Names expected = {"groupByValue",
                          "grossCost",
                          "netCost",
                          "impressions",
                          "referrals",
                          "campaignCountries",
                          "campaigns",
                          "acquisitionsByConversionDate",
                          "acquisitionsByReferralDate",
                          "creatives",
                          "Audiences",
                          "campaignName"};
  ASSERT_EQ(rows.size(), 12U);
  for (const auto& row : rows) EXPECT_EQ(names_of(row), expected);
}

TEST(ReportFieldsTest, OnlyRowsOfCampaignsHaveACampaignName) {
  for (const auto& row : items_of(report_target("campaigns/breakdown", {}, "country")))
    EXPECT_FALSE(row.contains("campaignName"));
}

TEST(ReportFieldsTest, AccountSummary) {
  const auto summary = json_of(report_target("summary"));
  ASSERT_EQ(names_of(summary), (Names{"campaignsSummary", "transactionsSummary"}));
  EXPECT_EQ(names_of(summary.at("campaignsSummary").as_object()), campaign_row);
  EXPECT_EQ(names_of(summary.at("transactionsSummary").as_object()), transactions_whole);
}

TEST(ReportFieldsTest, AccountTransactionsOverview) {
  EXPECT_EQ(names_of(json_of(report_target("transactions/overview"))), transactions_whole);
}

TEST(ReportFieldsTest, AccountTransactionsBreakdown) {
  for (const char* groupby : {"age", "gender", "page", "pagetype", "position", "brand"}) {
    const auto rows = items_of(report_target("transactions/breakdown", {}, groupby));
    ASSERT_GE(rows.size(), 2U) << groupby;
    for (const auto& row : rows) EXPECT_EQ(names_of(row), transactions_row) << groupby;
  }
}

TEST(ReportFieldsTest, ThePlacementBreakdownHasNoPageLevelMetrics) {
  const auto rows = items_of(report_target("transactions/breakdown", {}, "placement"));
  ASSERT_GE(rows.size(), 2U);
  for (const auto& row : rows) {
    EXPECT_EQ(names_of(row), (Names{"groupByValue", "revenue", "placementImpressions", "impressions",
                                    "referrals", "positivePlacementEngagements", "rpm"}));
  }
}

TEST(ReportFieldsTest, CampaignOverview) {
  EXPECT_EQ(names_of(json_of(report_target("campaigns/3/overview"))), campaign_row);
}

TEST(ReportFieldsTest, CampaignBreakdown) {
  for (const char* groupby : {"country", "campaign", "audience", "subvertical"}) {
    const auto rows = items_of(report_target("campaigns/3/breakdown", {}, groupby));
    ASSERT_FALSE(rows.empty()) << groupby;
    EXPECT_EQ(names_of(rows.front()), in_front("groupByValue", campaign_row)) << groupby;
  }
}

TEST(ReportFieldsTest, RowsOfCreativesHaveACreativeName) {
  const auto rows = items_of(report_target("campaigns/3/breakdown", {}, "creative"));
  ASSERT_EQ(rows.size(), 6U);
  for (const auto& row : rows)
    EXPECT_EQ(names_of(row), in_front("groupByValue", campaign_row, "creativeName"));
}

TEST(ReportFieldsTest, CampaignHistogram) {
  const auto rows = items_of(report_target("campaigns/3/histogram"));
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) EXPECT_EQ(names_of(row), in_front("intervalTimestamp", campaign_row));
}

TEST(ReportFieldsTest, CreativeOverview) {
  EXPECT_EQ(names_of(json_of(report_target("campaigns/3/creatives/2/overview"))),
            (Names{"grossCost", "netCost", "impressions", "referrals", "uniqueReferrals",
                   "acquisitionsByConversionDate", "acquisitionsByReferralDate", "creatives", "audiences"}));
}

TEST(ReportFieldsTest, CreativeBreakdown) {
  const auto rows = items_of(report_target("campaigns/3/creatives/2/breakdown"));
  ASSERT_EQ(rows.size(), 4U);
  for (const auto& row : rows) {
    EXPECT_EQ(names_of(row), (Names{"groupByValue", "grossCost", "netCost", "impressions", "uniqueReferrals",
                                    "referrals", "acquisitionsByConversionDate", "acquisitionsByReferralDate",
                                    "creatives", "audiences"}));
  }
}

TEST(ReportFieldsTest, CampaignMetadata) {
  const auto campaign = json_of("/metadata/accounts/7/campaigns/3");
  EXPECT_EQ(names_of(campaign), (Names{"accountId", "campaignId", "campaignName", "campaignType",
                                       "campaignObjective", "countryCode", "status"}));
  EXPECT_EQ(campaign.at("accountId"), "7");
  EXPECT_EQ(campaign.at("campaignId"), "3");
}

TEST(ReportFieldsTest, AudienceMetadata) {
  const auto audience = json_of("/metadata/accounts/7/campaigns/3/audiences/4");
  EXPECT_EQ(names_of(audience),
            (Names{"accountId", "campaignId", "audienceId", "name", "ageRange", "device", "gender"}));
  EXPECT_EQ(audience.at("audienceId"), "4");
  EXPECT_EQ(names_of(audience.at("ageRange").as_object()), (Names{"min", "max"}));
  EXPECT_TRUE(audience.at("ageRange").at("min").is_number());
  EXPECT_EQ(names_of(audience.at("device").as_object()), (Names{"desktop", "tablet", "mobile"}));
  EXPECT_TRUE(audience.at("device").at("mobile").is_bool());
}

TEST(ReportFieldsTest, CreativeMetadata) {
  const auto creative = json_of("/metadata/accounts/7/campaigns/3/creatives/6");
  EXPECT_EQ(names_of(creative), (Names{"accountId", "campaignId", "creativeId", "name", "title", "subtitle",
                                       "text", "responses", "status"}));
  EXPECT_EQ(creative.at("creativeId"), "6");
  ASSERT_FALSE(creative.at("responses").as_array().empty());
  EXPECT_TRUE(creative.at("responses").at(0).is_string());
}

TEST(ReportFieldsTest, NamesAreTheSameInReportsAndMetadata) {
  const auto campaigns = items_of(report_target("campaigns/breakdown"));
  for (const auto& row : campaigns) {
    const std::string id(row.at("groupByValue").as_string());
    EXPECT_EQ(row.at("campaignName"), json_of("/metadata/accounts/7/campaigns/" + id).at("campaignName"));
  }
  const auto creatives = items_of(report_target("campaigns/3/breakdown", {}, "creative"));
  for (const auto& row : creatives) {
    const std::string id(row.at("groupByValue").as_string());
    EXPECT_EQ(row.at("creativeName"), json_of("/metadata/accounts/7/campaigns/3/creatives/" + id).at("name"));
  }
}

}  // namespace
}  // namespace roktcached::simulator
