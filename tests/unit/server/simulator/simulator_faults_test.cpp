#include <gtest/gtest.h>

#include "server/simulator/simulator.h"
#include "tests/unit/server/simulator/client.h"

namespace roktcached::simulator {
namespace {

using boost::system::error_code;
using examples::Client;
using examples::demo_basic;
using examples::grant_form;
using examples::report_target;

/// A simulator with a token in hand, so that faults meet reports alone.
class SimulatorFaultsTest : public examples::SimulatorFixture {
 protected:
  void SetUp() override {
    start();
    token_ = bearer();
    whole_ = connect().ask("GET", target_, token_).body();
    connect().ask("POST", "/_simulator/reset");
  }

  /// The bytes that answer a GET until the connection ends, and how it ends.
  std::string raw(error_code& error) {
    Client client = connect();
    client.request("GET", target_, token_ + "Connection: close\r\n");
    return client.rest(error);
  }

  std::string token_;
  std::string whole_;
  const std::string target_ = report_target("campaigns/3/overview");
};

std::string content_of(const std::string& raw) {
  const auto end = raw.find("\r\n\r\n");
  return end == std::string::npos ? "" : raw.substr(end + 4);
}

TEST_F(SimulatorFaultsTest, Status) {
  set_faults(R"([{"kind":"status","status":500,"count":1}])");
  Client client = connect();
  const auto failed = client.ask("GET", target_, token_);
  EXPECT_EQ(failed.result_int(), 500U);
  EXPECT_EQ(boost::json::parse(failed.body()).at("status"), 500);
  EXPECT_EQ(client.ask("GET", target_, token_).body(), whole_);
  EXPECT_EQ(ledger().at("by_status").as_object(), boost::json::parse(R"({"500":1,"200":1})").as_object());
}

TEST_F(SimulatorFaultsTest, AStatusThatHasNoNameIsSentAsItIs) {
  set_faults(R"([{"kind":"status","status":520}])");
  EXPECT_EQ(connect().ask("GET", target_, token_).result_int(), 520U);
  EXPECT_EQ(ledger().at("by_status").as_object(), boost::json::parse(R"({"520":1})").as_object());
}

TEST_F(SimulatorFaultsTest, AStatusWithoutContentIsSentWithoutContent) {
  for (const char* status : {"204", "304"}) {
    set_faults(R"([{"kind":"status","status":)" + std::string(status) + "}]");
    Client client = connect();
    const auto response = client.ask("GET", target_, token_);
    EXPECT_EQ(std::to_string(response.result_int()), status);
    EXPECT_EQ(response.body(), "");
  }
  simulator_->stop();
}

TEST_F(SimulatorFaultsTest, Latency) {
  set_faults(R"([{"kind":"latency","latency_ms":30}])");
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(connect().ask("GET", target_, token_).body(), whole_);
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds{30});
}

TEST_F(SimulatorFaultsTest, WhatIsHeldIsAnsweredOnceTheFaultsAreOthers) {
  const std::string hold = R"([{"kind":"hold","count":2}])";
  set_faults(hold);
  Client first = connect();
  Client second = connect();
  first.request("GET", target_, token_);
  second.request("GET", target_, token_);
  while (ledger().at("total") != 2) {
  }
  EXPECT_EQ(connect().ask("GET", target_, token_).body(), whole_) << "the count is used up";
  EXPECT_EQ(ledger().at("by_status").as_object(), boost::json::parse(R"({"200":1})").as_object());
  set_faults("[]");
  EXPECT_EQ(first.response().body(), whole_);
  EXPECT_EQ(second.response().body(), whole_);
}

TEST_F(SimulatorFaultsTest, ALateAnswerHoldsUpNoOther) {
  set_faults(R"([{"kind":"latency","latency_ms":3600000,"path_prefix":"/reporting"}])");
  Client late = connect();
  late.request("GET", target_, token_);
  EXPECT_EQ(connect().ask("GET", "/metadata/accounts/7/campaigns/3", token_).result_int(), 200U);
}

TEST_F(SimulatorFaultsTest, Reset) {
  set_faults(R"([{"kind":"reset"}])");
  error_code error;
  EXPECT_EQ(raw(error), "");
  EXPECT_EQ(error, boost::asio::error::connection_reset);
  EXPECT_EQ(ledger().at("total"), 1);
  EXPECT_EQ(ledger().at("by_status").as_object(), boost::json::parse(R"({"0":1})").as_object());
}

TEST_F(SimulatorFaultsTest, HangEndsOnlyWithTheSimulator) {
  set_faults(R"([{"kind":"hang"}])");
  Client client = connect();
  client.request("GET", target_, token_);
  while (ledger().at("total") == 0) {
  }
  simulator_->stop();
  error_code error;
  EXPECT_EQ(client.rest(error), "");
  EXPECT_TRUE(error);
}

TEST_F(SimulatorFaultsTest, TruncateClosesInTheMiddleOfTheContent) {
  set_faults(R"([{"kind":"truncate"}])");
  error_code error;
  const std::string text = raw(error);
  EXPECT_EQ(error, boost::asio::error::eof);
  EXPECT_NE(text.find("Content-Length: " + std::to_string(whole_.size()) + "\r\n"), std::string::npos)
      << text;
  EXPECT_EQ(content_of(text), whole_.substr(0, whole_.size() / 2));
}

TEST_F(SimulatorFaultsTest, TruncateSendsNoContentToHead) {
  set_faults(R"([{"kind":"truncate"}])");
  Client client = connect();
  client.request("HEAD", target_, token_);
  error_code error;
  EXPECT_EQ(content_of(client.rest(error)), "");
}

TEST_F(SimulatorFaultsTest, WrongLengthSendsMoreThanItSays) {
  set_faults(R"([{"kind":"wrong_length"}])");
  error_code error;
  const std::string text = raw(error);
  EXPECT_EQ(content_of(text), whole_);
  EXPECT_EQ(text.find("Content-Length: " + std::to_string(whole_.size()) + "\r\n"), std::string::npos)
      << text;
  Client client = connect();
  const auto response = client.ask("GET", target_, token_);
  EXPECT_LT(response.body().size(), whole_.size());
  EXPECT_TRUE(whole_.starts_with(response.body()));
}

TEST_F(SimulatorFaultsTest, TrickleComesWholeInTheEnd) {
  set_faults(R"([{"kind":"trickle","latency_ms":1}])");
  Client client = connect();
  EXPECT_EQ(client.ask("GET", target_, token_).body(), whole_);
  EXPECT_EQ(client.ask("GET", target_, token_).body(), whole_);
}

TEST_F(SimulatorFaultsTest, MalformedTokenIs200WithoutAToken) {
  set_faults(R"([{"kind":"malformed_token","count":1}])");
  Client client = connect();
  EXPECT_EQ(client.ask("GET", target_, token_).body(), whole_);
  const auto response = client.ask("POST", "/auth/oauth2/token", demo_basic, grant_form);
  EXPECT_EQ(response.result_int(), 200U);
  EXPECT_EQ(response.body().find("access_token\":\""), std::string::npos);
  EXPECT_EQ(ledger().at("tokens_minted"), 0);
}

TEST_F(SimulatorFaultsTest, TheTokenEndpointAloneCanBeDown) {
  set_faults(R"([{"kind":"status","status":503,"path_prefix":"/auth"}])");
  Client client = connect();
  EXPECT_EQ(client.ask("POST", "/auth/oauth2/token", demo_basic, grant_form).result_int(), 503U);
  EXPECT_EQ(client.ask("GET", target_, token_).body(), whole_);
}

TEST_F(SimulatorFaultsTest, DeleteEndsThem) {
  set_faults(R"([{"kind":"status"}])");
  EXPECT_EQ(connect().ask("GET", target_, token_).result_int(), 503U);
  EXPECT_EQ(connect().ask("DELETE", "/_simulator/faults").result_int(), 200U);
  EXPECT_EQ(connect().ask("GET", target_, token_).result_int(), 200U);
}

TEST_F(SimulatorFaultsTest, ControlPathsMeetNoFault) {
  set_faults(R"([{"kind":"hang"}])");
  EXPECT_EQ(connect().ask("GET", "/_simulator/requests").result_int(), 200U);
}

TEST_F(SimulatorFaultsTest, AMistakeIs400NamesTheFieldAndLeavesTheFaultsInForce) {
  set_faults(R"([{"kind":"status","status":502}])");
  const auto refused = connect().ask("POST", "/_simulator/faults", "", R"([{"kind":"status","share":7}])");
  EXPECT_EQ(refused.result_int(), 400U);
  EXPECT_NE(std::string(boost::json::parse(refused.body()).at("message").as_string()).find("share"),
            std::string::npos)
      << refused.body();
  EXPECT_EQ(connect().ask("GET", target_, token_).result_int(), 502U);
}

TEST_F(SimulatorFaultsTest, AMistakesAnswerIsJsonWhateverTheFieldIsCalled) {
  const auto refused = connect().ask("POST", "/_simulator/faults", "", R"([{"kind":"status","a\"b\\":7}])");
  EXPECT_EQ(refused.result_int(), 400U);
  error_code error;
  EXPECT_TRUE(boost::json::parse(refused.body(), error).is_object()) << refused.body();
}

}  // namespace
}  // namespace roktcached::simulator
