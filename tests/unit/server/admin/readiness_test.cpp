#include "server/admin/readiness.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace roktcached::admin {
namespace {

upstream::UpstreamStatus well() {
  upstream::UpstreamStatus status;
  status.credentials.resize(2);
  status.credentials[0].name = "default";
  status.credentials[1].name = "emea";
  for (auto& credential : status.credentials) {
    credential.token.alive = true;
    credential.budget.max_queued = 1000;
  }
  return status;
}

std::vector<storage::TierStatistics> tiers(std::string trouble = "") {
  return {{.tier = "memory", .trouble = {}}, {.tier = "disk", .trouble = std::move(trouble)}};
}

std::string json_of(const upstream::UpstreamStatus& status,
                    const std::vector<storage::TierStatistics>& of_tiers, bool draining = false) {
  return boost::json::serialize(to_json(readiness_of(status, of_tiers, std::nullopt, draining), false));
}

TEST(Readiness, OfADaemonThatIsWellNamesNothing) {
  EXPECT_EQ(json_of(well(), tiers()), R"({"status":"ready","degraded":[]})");
}

TEST(Readiness, NamesEachPartThatIsDegradedAndWhy) {
  upstream::UpstreamStatus status = well();
  status.credentials[1].token = {
      .alive = false, .expires_at = {}, .minted = 0, .failures = 1, .last_error = "invalid_client"};
  EXPECT_EQ(json_of(status, tiers()), R"({"status":"degraded","degraded":[{"part":"token","name":"emea",)"
                                      R"("reason":"no access token for the upstream: invalid_client"}]})");

  status = well();
  status.credentials[0].budget.queued = 7;
  EXPECT_EQ(json_of(status, tiers()), R"({"status":"degraded","degraded":[{"part":"budget","name":"default",)"
                                      R"("reason":"7 requests wait for their turn"}]})");
  status.credentials[0].budget.paused = true;
  EXPECT_EQ(json_of(status, tiers()),
            R"({"status":"degraded","degraded":[{"part":"budget","name":"default",)"
            R"("reason":"paused: the upstream has asked for it by Retry-After"}]})");

  status = well();
  status.open_routes = {"account-summary"};
  EXPECT_EQ(json_of(status, tiers()), R"({"status":"degraded","degraded":[{"part":"circuit",)"
                                      R"("reason":"open for account-summary"}]})");
  status.open_routes = {"account-summary", "campaign-overview"};
  EXPECT_EQ(json_of(status, tiers()), R"({"status":"degraded","degraded":[{"part":"circuit",)"
                                      R"("reason":"open for account-summary, campaign-overview"}]})");
  status.circuit_open = true;
  EXPECT_EQ(json_of(status, tiers()), R"({"status":"degraded","degraded":[{"part":"circuit",)"
                                      R"("reason":"open: the upstream does not answer"}]})");

  EXPECT_EQ(json_of(well(), tiers("cannot be \"read\"")),
            R"({"status":"degraded","degraded":[{"part":"cache","name":"disk",)"
            R"("reason":"cannot be \"read\""}]})");
}

TEST(Readiness, OfADaemonWithoutItsFleetIsDegraded) {
  fleet::FleetStatus fleet;
  fleet.link.together = true;
  fleet.members = 3;
  fleet.members_known = 4;
  const auto part = [&fleet] {
    return to_json(readiness_of(well(), tiers(), fleet, false), true).at("parts").as_array().back();
  };
  EXPECT_EQ(boost::json::serialize(part()), R"({"part":"fleet","state":"ok","reason":null,"members":3,)"
                                            R"("members_known":4,"timeouts":0})");
  fleet.link.together = false;
  EXPECT_EQ(part().at("reason"), "alone: the engine cannot be reached");
  fleet.link.trouble = "Connection refused";
  EXPECT_EQ(part().at("reason"), "alone: the engine cannot be reached: Connection refused");
  EXPECT_EQ(readiness_of(well(), tiers(), fleet, false).status(), "degraded");
}

TEST(Readiness, OfADaemonThatDrainsIsThatWhateverElseThereIs) {
  upstream::UpstreamStatus status = well();
  EXPECT_EQ(json_of(status, tiers(), true), R"({"status":"draining","degraded":[]})");
  status.circuit_open = true;
  EXPECT_TRUE(json_of(status, tiers(), true).starts_with(R"({"status":"draining","degraded":[{)"));
}

TEST(Readiness, VerboseHasEveryPartWithItsFigures) {
  upstream::UpstreamStatus status = well();
  status.credentials[0].budget.queued = 7;
  const auto parts = to_json(readiness_of(status, tiers(), std::nullopt, false), true).at("parts").as_array();
  ASSERT_EQ(parts.size(), 7U) << "two tokens, two budgets, the circuit, two tiers";
  EXPECT_EQ(parts[0].at("state"), "ok");
  EXPECT_TRUE(parts[0].at("reason").is_null());
  EXPECT_EQ(parts[2].at("part"), "budget");
  EXPECT_EQ(parts[2].at("state"), "degraded");
  EXPECT_EQ(parts[2].at("queued"), 7U);
  EXPECT_EQ(parts[2].at("max_queued"), 1000U);
  EXPECT_EQ(parts[4].at("open"), false);
  EXPECT_EQ(parts[6].at("name"), "disk");
}

}  // namespace
}  // namespace roktcached::admin
