#include "server/simulator/simulator.h"

#include <gtest/gtest.h>

#include "tests/unit/server/simulator/client.h"

namespace roktcached::simulator {
namespace {

using examples::Client;
using examples::demo_basic;
using examples::grant_form;
using examples::report_target;

class SimulatorTest : public examples::SimulatorFixture {};

TEST_F(SimulatorTest, AnswersAReportFromItsWorld) {
  start();
  const auto response = connect().ask("GET", report_target("summary"), bearer());
  EXPECT_EQ(response.result_int(), 200U);
  EXPECT_EQ(response["Content-Type"], "application/json");
  EXPECT_EQ(response.body(), answer(World(1), report_target("summary"), examples::noon_in_march).body);
}

TEST_F(SimulatorTest, AnotherSeedIsAnotherWorld) {
  Options wanted = options();
  wanted.seed = 2;
  start(wanted);
  EXPECT_EQ(connect().ask("GET", report_target("summary"), bearer()).body(),
            answer(World(2), report_target("summary"), examples::noon_in_march).body);
}

TEST_F(SimulatorTest, ServesTheOtherPagesLikeTheAnswersSay) {
  start();
  Client client = connect();
  const std::string token = bearer();
  EXPECT_EQ(client.ask("GET", "/metadata/accounts/7/campaigns/3", token).result_int(), 200U);
  EXPECT_EQ(client.ask("GET", "/metadata/accounts/1000/campaigns/3", token).result_int(), 403U);
  EXPECT_EQ(client.ask("GET", "/metadata/accounts/7/campaigns/13", token).result_int(), 404U);
  EXPECT_EQ(client.ask("GET", "/reporting/accounts/7/summary", token).result_int(), 400U);
  EXPECT_EQ(client.ask("POST", report_target("summary"), token).result_int(), 405U);
}

TEST_F(SimulatorTest, HeadHasTheFieldsOfGetAndNoContent) {
  start();
  Client client = connect();
  const std::string token = bearer();
  const auto get = client.ask("GET", report_target("summary"), token);
  const auto head = client.ask("HEAD", report_target("summary"), token);
  EXPECT_EQ(head.result_int(), 200U);
  EXPECT_EQ(head["Content-Length"], get["Content-Length"]);
  EXPECT_EQ(client.ask("GET", report_target("summary"), token).body(), get.body())
      << "the connection goes on";
}

TEST_F(SimulatorTest, AnswersPipelinedRequestsInOrder) {
  start();
  Client client = connect();
  const std::string token = bearer();
  for (const char* campaign : {"3", "13", "4"})
    client.request("GET", "/metadata/accounts/7/campaigns/" + std::string(campaign), token);
  EXPECT_EQ(boost::json::parse(client.response().body()).at("campaignId"), "3");
  EXPECT_EQ(client.response().result_int(), 404U);
  EXPECT_EQ(boost::json::parse(client.response().body()).at("campaignId"), "4");
}

TEST_F(SimulatorTest, ClosesWhereTheClientAsksForIt) {
  start();
  Client client = connect();
  client.request("GET", "/_simulator/requests", "Connection: close\r\n");
  boost::system::error_code error;
  EXPECT_TRUE(client.rest(error).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(error, boost::asio::error::eof);
}

TEST_F(SimulatorTest, SurvivesWhatIsNotHttp) {
  start();
  Client nonsense = connect();
  nonsense.write("\x16\x03\x01 nonsense\r\n\r\n");
  boost::system::error_code error;
  EXPECT_EQ(nonsense.rest(error), "");
  EXPECT_EQ(connect().ask("GET", "/_simulator/requests").result_int(), 200U);
}

TEST_F(SimulatorTest, ATokenIsAskedForBeforeAnythingElse) {
  start();
  Client client = connect();
  for (const char* target :
       {"/reporting/accounts/1000/summary", "/nothing", "/metadata/accounts/7/campaigns/99"}) {
    EXPECT_EQ(client.ask("GET", target).result_int(), 403U) << target;
    EXPECT_EQ(client.ask("GET", target, "Authorization: Bearer nonsense\r\n").result_int(), 403U) << target;
    EXPECT_EQ(client.ask("GET", target, demo_basic).result_int(), 403U) << target;
  }
}

TEST_F(SimulatorTest, AnExpiredTokenIs403) {
  Options wanted = options();
  wanted.token_lifetime = std::chrono::seconds{0};
  start(wanted);
  EXPECT_EQ(connect().ask("GET", report_target("summary"), bearer()).result_int(), 403U);
}

TEST_F(SimulatorTest, TheTokenEndpointWantsPostBasicAndTheGrant) {
  start();
  Client client = connect();
  EXPECT_EQ(client.ask("GET", "/auth/oauth2/token", demo_basic).result_int(), 405U);
  EXPECT_EQ(client.ask("POST", "/auth/oauth2/token", "", grant_form).result_int(), 400U);
  const auto response = client.ask("POST", "/auth/oauth2/token", demo_basic, "grant_type=password");
  EXPECT_EQ(response.result_int(), 400U);
  EXPECT_EQ(response.body(), R"({"error":"unsupported_grant_type"})");
}

TEST_F(SimulatorTest, OtherCredentialsMayBeChosen) {
  Options wanted = options();
  wanted.app_id = "a";
  wanted.app_secret = "b";
  start(wanted);
  EXPECT_EQ(connect().ask("POST", "/auth/oauth2/token", demo_basic, grant_form).result_int(), 400U);
  EXPECT_EQ(
      connect().ask("POST", "/auth/oauth2/token", "Authorization: Basic YTpi\r\n", grant_form).result_int(),
      200U);
}

TEST_F(SimulatorTest, TheBucketRefusesWith429AndNoRetryAfter) {
  Options wanted = options();
  wanted.rate = 1e-6;
  wanted.burst = 2;
  start(wanted);
  const std::string token = bearer();
  Client client = connect();
  EXPECT_EQ(client.ask("GET", report_target("summary"), token).result_int(), 200U);
  EXPECT_EQ(client.ask("GET", "/nothing", token).result_int(), 404U);
  const auto refused = client.ask("GET", report_target("summary"), token);
  EXPECT_EQ(refused.result_int(), 429U);
  EXPECT_EQ(refused.count("Retry-After"), 0U);
  EXPECT_EQ(client.ask("POST", "/auth/oauth2/token", demo_basic, grant_form).result_int(), 200U)
      << "tokens are not limited";
  EXPECT_EQ(client.ask("POST", "/_simulator/reset").result_int(), 200U) << "nor is the control";
  EXPECT_EQ(client.ask("GET", report_target("summary"), token).result_int(), 200U);
}

TEST_F(SimulatorTest, TheLedgerCountsWhatWasAskedAndAnswered) {
  start();
  const std::string token = bearer();
  Client client = connect();
  client.ask("GET", report_target("summary"), token);
  client.ask("GET", report_target("summary"), token);
  client.ask("HEAD", "/nothing", token);
  const auto counted = ledger();
  EXPECT_EQ(counted.at("total"), 3);
  EXPECT_EQ(counted.at("tokens_minted"), 1);
  EXPECT_EQ(
      counted.at("by_target").as_object(),
      boost::json::parse(R"({"GET )" + report_target("summary") + R"(":2,"HEAD /nothing":1})").as_object());
  EXPECT_EQ(counted.at("by_status").as_object(), boost::json::parse(R"({"200":2,"404":1})").as_object());
}

TEST_F(SimulatorTest, OnlyMintedTokensAreCounted) {
  start();
  connect().ask("POST", "/auth/oauth2/token", "", grant_form);
  EXPECT_EQ(ledger().at("tokens_minted"), 0);
  EXPECT_EQ(ledger().at("total"), 0);
}

TEST_F(SimulatorTest, AResetEmptiesTheLedgerAndLeavesTokensValid) {
  start();
  const std::string token = bearer();
  Client client = connect();
  client.ask("GET", report_target("summary"), token);
  client.ask("POST", "/_simulator/reset");
  EXPECT_EQ(ledger(),
            boost::json::parse(R"({"total":0,"by_target":{},"by_status":{},"tokens_minted":0})").as_object());
  EXPECT_EQ(client.ask("GET", report_target("summary"), token).result_int(), 200U);
}

TEST_F(SimulatorTest, UnknownControlPathsAre404) {
  start();
  Client client = connect();
  EXPECT_EQ(client.ask("GET", "/_simulator/nothing").result_int(), 404U);
  EXPECT_EQ(client.ask("GET", "/_simulator/reset").result_int(), 404U);
  EXPECT_EQ(ledger().at("total"), 0);
}

TEST_F(SimulatorTest, SendsNoEntityTagsUnlessAsked) {
  start();
  EXPECT_EQ(connect().ask("GET", report_target("summary"), bearer()).count("ETag"), 0U);
}

TEST_F(SimulatorTest, AnUnchangedBodyIs304) {
  Options wanted = options();
  wanted.entity_tags = true;
  start(wanted);
  const std::string token = bearer();
  Client client = connect();
  const auto first = client.ask("GET", report_target("summary"), token);
  const std::string tag(first["ETag"]);
  ASSERT_FALSE(tag.empty());
  const auto second = client.ask("GET", report_target("summary"), token + "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(second.result_int(), 304U);
  EXPECT_EQ(second["ETag"], tag);
  EXPECT_EQ(second.body(), "");
  EXPECT_EQ(client.ask("GET", report_target("summary"), token + "If-None-Match: \"other\"\r\n").body(),
            first.body());
}

TEST_F(SimulatorTest, APortInUseIsAnErrorThatNamesTheAddress) {
  start();
  Options wanted = options();
  wanted.port = simulator_->port();
  const auto second = Simulator::start(wanted);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(second.error().context.starts_with("127.0.0.1:" + std::to_string(wanted.port)))
      << second.error().context;
}

TEST_F(SimulatorTest, WhatIsNoAddressIsAnErrorThatNamesIt) {
  Options wanted = options();
  wanted.host = "no-address";
  const auto started = Simulator::start(wanted);
  ASSERT_FALSE(started.has_value());
  EXPECT_TRUE(started.error().context.starts_with("no-address:")) << started.error().context;
}

TEST_F(SimulatorTest, StopEndsIdleConnectionsAndMayBeCalledAgain) {
  start();
  Client idle = connect();
  idle.ask("GET", "/_simulator/requests");
  simulator_->stop();
  simulator_->stop();
  boost::system::error_code error;
  EXPECT_EQ(idle.rest(error), "");
  EXPECT_TRUE(error);
  EXPECT_THROW(connect(), boost::system::system_error);
}

}  // namespace
}  // namespace roktcached::simulator
