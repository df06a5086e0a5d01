#include <gtest/gtest.h>

#include "server/simulator/reports.h"
#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using examples::noon_in_march;
using examples::report_target;

unsigned status_of(const std::string& target) {
  const Reply reply = answer(World(1), target, noon_in_march);
  EXPECT_TRUE(boost::json::parse(reply.body).is_object()) << target;
  return reply.status;
}

std::string overview_of(const std::string& account, const std::string& campaign,
                        const std::string& creative) {
  return "/reporting/accounts/" + account + "/campaigns/" + campaign + "/creatives/" + creative +
         "/overview?dateStart=2026-01-05&dateEnd=2026-01-05&currency=USD&timeZoneVariation=UTC";
}

TEST(ReportRefusalsTest, AccountsOneTo999AreReadable) {
  EXPECT_EQ(status_of(overview_of("1", "1", "1")), 200U);
  EXPECT_EQ(status_of(overview_of("999", "1", "1")), 200U);
}

TEST(ReportRefusalsTest, AnyOtherAccountIs403) {
  for (const char* account : {"0", "1000", "99999999999999999999", "abc", "-1", "7x"}) {
    EXPECT_EQ(status_of(overview_of(account, "1", "1")), 403U) << account;
    EXPECT_EQ(status_of("/metadata/accounts/" + std::string(account) + "/campaigns/1"), 403U) << account;
  }
}

TEST(ReportRefusalsTest, AForeignAccountIs403EvenWhereTheCampaignDoesNotExist) {
  EXPECT_EQ(status_of(overview_of("1000", "99", "99")), 403U);
}

TEST(ReportRefusalsTest, TheLastIdsThatExist) {
  EXPECT_EQ(status_of(overview_of("7", "12", "6")), 200U);
  EXPECT_EQ(status_of("/metadata/accounts/7/campaigns/12/audiences/4"), 200U);
}

TEST(ReportRefusalsTest, IdsThatDoNotExistAre404) {
  EXPECT_EQ(status_of(overview_of("7", "13", "1")), 404U);
  EXPECT_EQ(status_of(overview_of("7", "0", "1")), 404U);
  EXPECT_EQ(status_of(overview_of("7", "1", "7")), 404U);
  EXPECT_EQ(status_of(overview_of("7", "one", "1")), 404U);
  EXPECT_EQ(status_of("/metadata/accounts/7/campaigns/1/audiences/5"), 404U);
  EXPECT_EQ(status_of("/metadata/accounts/7/campaigns/1/creatives/0"), 404U);
}

TEST(ReportRefusalsTest, PathsThatDoNotExistAre404) {
  for (const char* target : {"/", "/reporting", "/reporting/accounts/7", "/reporting/accounts/7/summary/",
                             "/reporting//accounts/7/summary", "/metadata/accounts/7",
                             "/reporting/accounts/7/campaigns/3", "/reporting/accounts/%37/summary"}) {
    EXPECT_EQ(status_of(target), 404U) << target;
  }
}

TEST(ReportRefusalsTest, EveryRequiredParameterIsRequired) {
  const std::vector<std::string> parameters = {"dateStart=2026-01-05", "dateEnd=2026-01-05", "currency=USD",
                                               "timeZoneVariation=UTC"};
  for (std::size_t missing = 0; missing < parameters.size(); ++missing) {
    std::string target = "/reporting/accounts/7/summary?";
    for (std::size_t i = 0; i < parameters.size(); ++i) target += i == missing ? "" : parameters[i] + "&";
    EXPECT_EQ(status_of(target + "version=1"), 400U) << parameters[missing];
  }
}

TEST(ReportRefusalsTest, BadParametersAre400) {
  EXPECT_EQ(status_of(report_target("summary", {.start = "2026-02-30"})), 400U);
  EXPECT_EQ(status_of(report_target("summary", {.start = "2026-01-09"})), 400U) << "after its end";
  EXPECT_EQ(status_of(report_target("summary", {.currency = "XXX"})), 400U);
  EXPECT_EQ(status_of(report_target("summary", {.zone = "Mars/Olympus"})), 400U);
  EXPECT_EQ(status_of(report_target("campaigns/3/breakdown", {}, "age")), 400U);
  EXPECT_EQ(status_of(report_target("campaigns/breakdown", {}, "campaign")), 400U);
  EXPECT_EQ(status_of(report_target("summary") + "&currency=USD"), 400U) << "twice";
}

TEST(ReportRefusalsTest, ARangeIsAtMostTenYears) {
  EXPECT_EQ(status_of(report_target("campaigns/3/creatives/1/overview", {.start = "2016-03-16"})), 200U);
  EXPECT_EQ(status_of(report_target("campaigns/3/creatives/1/overview", {.start = "2015-12-01"})), 400U);
  EXPECT_EQ(status_of(report_target("summary", {.start = "0001-01-01", .end = "9999-12-31"})), 400U);
}

TEST(ReportRefusalsTest, AnErrorIsJsonWithStatusAndMessage) {
  const auto body = boost::json::parse(answer(World(1), "/nothing", noon_in_march).body).as_object();
  EXPECT_EQ(body.at("status"), 404);
  EXPECT_FALSE(body.at("message").as_string().empty());
}

}  // namespace
}  // namespace roktcached::simulator
