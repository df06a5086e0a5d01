#include <list>
#include <vector>

#include "server/upstream/upstream_client.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

/// The upstream client between its requests and a server that mints tokens and judges them as the test says.
class UpstreamClientTokenTest : public testing::Test {
 protected:
  UpstreamClientTokenTest() {
    settings.url = server.url();
    settings.max_retries = 0;
    config::Credential credential;
    credential.name = "emea";
    credential.app_id = config::Secret("app");
    credential.app_secret = config::Secret("secret");
    credential.budget.requests_per_second = 0;
    credentials.push_back(credential);
  }
  ~UpstreamClientTokenTest() override {
    if (!upstream_executor_) return;
    upstream_executor_->stop();
    context.restart();
    context.poll();
  }

  static std::string answer_of(unsigned status, const std::string& body, const std::string& fields = "") {
    return "HTTP/1.1 " + std::to_string(status) + " -\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
  }
  asio::awaitable<void> serve(tcp::socket& socket) {
    while (true) {
      const std::string head = co_await read_head(socket);
      if (head.empty()) co_return;
      const bool for_token = head.find("/auth/") != std::string::npos;
      const std::string given = for_token ? token_answer() : answer_to(head);
      co_await write_text(socket, given);
      if (for_token) co_return;
    }
  }
  std::string token_answer() {
    ++asked_for_tokens;
    if (endpoint_fails) return answer_of(503, "");
    return answer_of(200,
                     R"({"access_token":"t)" + std::to_string(asked_for_tokens) + R"(","expires_in":3600})");
  }
  std::string answer_to(const std::string& head) {
    const std::string name = "Authorization: Bearer ";
    const auto at = head.find(name);
    const auto end = head.find('\r', at);
    shown.push_back(at == std::string::npos ? "" : head.substr(at + name.size(), end - at - name.size()));
    return answer_of(judge(shown.back()), "{}", fields);
  }
  UpstreamClient& upstream_client() {
    if (!upstream_executor_) {
      upstream_executor_.emplace(context.get_executor(), context.get_executor(), context.get_executor(),
                                 settings, credentials, nullptr, clock);
      upstream_executor_->start();
    }
    return *upstream_executor_;
  }
  UpstreamResult send(bool has_worked = false, bool inject_token = true) {
    UpstreamRequest request;
    request.target = "/";
    request.client = "client";
    request.route = "route";
    request.has_worked = has_worked;
    request.inject_token = inject_token;
    const auto pending = begin(context, upstream_client().send(request));
    context.restart();
    while (!pending->has_value() && context.run_one_for(30s) > 0) {
    }
    EXPECT_TRUE(pending->has_value());
    if (pending->has_value()) return std::move(**pending);
    return UpstreamFailure{};
  }
  static unsigned status_of(const UpstreamResult& result) { return result ? result->status : 0; }

  FakeClock clock;
  asio::io_context context{1};
  int asked_for_tokens = 0;
  bool endpoint_fails = false;
  std::string fields;  // of every other answer
  std::function<unsigned(const std::string&)> judge = [](const std::string&) { return 200U; };  // the token
  std::vector<std::string> shown;
  Loopback server{context, [this](tcp::socket& socket) { return serve(socket); }};
  config::Upstream settings;
  std::vector<config::Credential> credentials;

 private:
  std::optional<UpstreamClient> upstream_executor_;
};

using Tokens = std::vector<std::string>;

TEST_F(UpstreamClientTokenTest, ARequestShowsTheTokenUnlessItsRouteHasNone) {
  EXPECT_EQ(status_of(send()), 200U);
  EXPECT_EQ(status_of(send(false, false)), 200U);
  EXPECT_EQ(shown, (Tokens{"t1", ""}));
}

TEST_F(UpstreamClientTokenTest, ADeadTokenIsRenewedAndTheRequestReplayedOnce) {
  for (const unsigned refusal : {401U, 403U}) {
    judge = [](const std::string&) { return 200U; };
    send();
    clock.advance(11s);
    const std::string dead = "t" + std::to_string(asked_for_tokens);
    const std::string alive = "t" + std::to_string(asked_for_tokens + 1);
    judge = [=](const std::string& token) { return token == dead ? refusal : 200U; };
    shown.clear();
    EXPECT_EQ(status_of(send()), 200U) << refusal;
    EXPECT_EQ(shown, (Tokens{dead, alive})) << refusal;
  }
  EXPECT_EQ(upstream_client().status().attempts.by_kind.at({"route", 200, counters::Reason::replay}), 2U);
}

TEST_F(UpstreamClientTokenTest, AYoungTokenIsNotDoubted) {
  judge = [](const std::string&) { return 401U; };
  EXPECT_EQ(status_of(send()), 401U);
  EXPECT_EQ(asked_for_tokens, 1);
  EXPECT_EQ(shown.size(), 1U);
}

TEST_F(UpstreamClientTokenTest, ASecondRefusalIsMeant) {
  send();
  clock.advance(11s);
  judge = [](const std::string&) { return 403U; };
  EXPECT_EQ(status_of(send()), 403U);
  EXPECT_EQ(shown, (Tokens{"t1", "t1", "t2"}));
}

/// The account is none of the credential's: that is what the client is to hear.
TEST_F(UpstreamClientTokenTest, AMeant403IsPassedOnWhileTheTokenEndpointFails) {
  send();
  clock.advance(11s);
  endpoint_fails = true;
  judge = [](const std::string&) { return 403U; };
  EXPECT_EQ(status_of(send()), 403U) << "the token has just been accepted for something else";
  clock.advance(49s);
  const UpstreamResult doubtful = send();
  ASSERT_FALSE(doubtful) << "a minute ago: it may be dead";
  EXPECT_EQ(doubtful.error().error.code, ErrorCode::token_unavailable);
}

TEST_F(UpstreamClientTokenTest, A401IsNeverMeantWhileTheTokenEndpointFails) {
  send();
  clock.advance(11s);
  endpoint_fails = true;
  judge = [](const std::string&) { return 401U; };
  const UpstreamResult refused = send();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, ErrorCode::token_unavailable);
}

TEST_F(UpstreamClientTokenTest, A400IsBlamedOnATokenThatHasNotProvedItselfLately) {
  send();
  clock.advance(30s);
  judge = [](const std::string& token) { return token == "t1" ? 400U : 200U; };
  EXPECT_EQ(status_of(send()), 400U) << "the token has been accepted lately";
  EXPECT_EQ(asked_for_tokens, 1);
  EXPECT_EQ(status_of(send(true)), 200U) << "the same request has worked before";
  EXPECT_EQ(asked_for_tokens, 2);
}

/// Else a dead token would prove itself with each request that it spoils.
TEST_F(UpstreamClientTokenTest, ARefusalIsNoAcceptance) {
  send();
  judge = [](const std::string&) { return 400U; };
  clock.advance(30s);
  EXPECT_EQ(status_of(send()), 400U);
  EXPECT_EQ(asked_for_tokens, 1);
  clock.advance(31s);
  EXPECT_EQ(status_of(send()), 400U);
  EXPECT_EQ(asked_for_tokens, 2) << "the first answer was more than a minute ago";
  EXPECT_EQ(shown, (Tokens{"t1", "t1", "t1", "t2"}));
}

TEST_F(UpstreamClientTokenTest, ARefusalOfAReplayIsNoAcceptanceEither) {
  for (const unsigned refusal : {400U, 401U, 403U}) {
    judge = [](const std::string&) { return 200U; };
    send();
    clock.advance(61s);
    judge = [=](const std::string&) { return refusal; };
    EXPECT_EQ(status_of(send()), refusal);
    const int before = asked_for_tokens;
    clock.advance(11s);
    judge = [](const std::string&) { return 400U; };
    send();
    EXPECT_EQ(asked_for_tokens, before + 1) << "the new token has not proved itself by " << refusal;
    clock.advance(61s);
  }
}

TEST_F(UpstreamClientTokenTest, AReplayThatIsAnsweredIsAnAcceptance) {
  send();
  clock.advance(61s);
  judge = [](const std::string& token) { return token == "t1" ? 400U : 200U; };
  EXPECT_EQ(status_of(send()), 200U);
  EXPECT_EQ(asked_for_tokens, 2);
  clock.advance(30s);
  judge = [](const std::string&) { return 400U; };
  EXPECT_EQ(status_of(send()), 400U);
  EXPECT_EQ(asked_for_tokens, 2) << "the second one has been accepted lately";
}

TEST_F(UpstreamClientTokenTest, AnyOtherAnswerIsAnAcceptance) {
  send();
  clock.advance(61s);
  judge = [](const std::string&) { return 404U; };
  EXPECT_EQ(status_of(send()), 404U);
  clock.advance(30s);
  judge = [](const std::string&) { return 400U; };
  EXPECT_EQ(status_of(send()), 400U);
  EXPECT_EQ(asked_for_tokens, 1);
}

TEST_F(UpstreamClientTokenTest, A429SlowsItsCredentialDown) {
  fields = "Retry-After: 30\r\n";
  judge = [](const std::string&) { return 429U; };
  credentials[0].budget.requests_per_second = 10;
  EXPECT_EQ(status_of(send()), 429U);
  const UpstreamStatus status = upstream_client().status();
  ASSERT_EQ(status.credentials.size(), 1U);
  EXPECT_EQ(status.credentials[0].budget.limited, 1U);
  EXPECT_TRUE(status.credentials[0].budget.paused);
  EXPECT_EQ(status.credentials[0].budget.in_flight, 0U);
  EXPECT_FALSE(upstream_client().idle(0)) << "nothing may go for now";
}

/// The upstream has heard nothing of it.
TEST_F(UpstreamClientTokenTest, WhatIsNotSentCostsNothingOfTheBudget) {
  credentials[0].budget.requests_per_second = 0.001;
  credentials[0].budget.burst = 2;
  EXPECT_EQ(status_of(send()), 200U);
  const auto left = [this] { return upstream_client().status().credentials[0].budget.available; };
  EXPECT_EQ(left(), 1);
  settings.max_connections = 0;  // so that it waits for one in vain
  credentials[0].budget.max_queue_wait = 1ms;
  upstream_client().change(settings, credentials);
  const UpstreamResult unsent = send();
  ASSERT_FALSE(unsent);
  EXPECT_EQ(unsent.error().error.code, ErrorCode::overloaded);
  EXPECT_EQ(left(), 1);
}

TEST_F(UpstreamClientTokenTest, IsIdleOnlyWhileTheTokenIsAlive) {
  send();
  EXPECT_TRUE(upstream_client().idle(0));
  EXPECT_TRUE(upstream_client().token_status().alive);
  clock.advance(1h);
  EXPECT_FALSE(upstream_client().token_status().alive);
  EXPECT_FALSE(upstream_client().idle(0));
}

}  // namespace
}  // namespace roktcached::upstream
