#include "server/upstream/upstream_client.h"

#include <list>

#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

/// The upstream client between a turn and a server that answers as the test says.
class UpstreamClientTest : public testing::Test {
 protected:
  UpstreamClientTest() {
    settings.url = server.url();
    config::Credential credential;
    credential.app_id = config::Secret("app");
    credential.app_secret = config::Secret("secret");
    credentials.push_back(credential);
  }
  ~UpstreamClientTest() override {
    if (!upstream_executor_) return;
    upstream_executor_->stop();
    context.restart();
    context.poll();
  }

  asio::awaitable<void> serve(tcp::socket& socket) {
    while (true) {
      const std::string head = co_await read_head(socket);
      if (head.empty()) co_return;
      if (head.find("/auth/") != std::string::npos) {
        ++token_requests;
        co_await read_head(socket);
        co_return;
      }
      ++requests;
      if (reply.empty()) {
        co_await read_head(socket);
        ++closed;
        co_return;
      }
      if (reply == "close") co_return;
      co_await write_text(socket, reply);
      if (loses_kept) {  // the next request comes, and gets nothing
        co_await read_head(socket);
        co_return;
      }
    }
  }
  UpstreamClient& upstream_client() {
    if (!upstream_executor_) {
      upstream_executor_.emplace(context.get_executor(), context.get_executor(), context.get_executor(),
                                 settings, credentials, nullptr, clock);
      upstream_executor_->start();
    }
    return *upstream_executor_;
  }
  Pending<UpstreamResult> send(const std::shared_ptr<Turn>& turn, bool inject_token = false) {
    UpstreamRequest& request = sent_.emplace_back();
    request.inject_token = inject_token;
    request.target = "/";
    request.client = "client";
    request.route = "route";
    request.turn = turn;
    return begin(context, upstream_client().send(request));
  }
  void run_until_sent(int count) {
    run_until(context, [&] { return requests == count; });
  }
  /// Until the first answer has come in, however long its way takes.
  void run_until_answered() {
    run_until(context, [&] { return !upstream_client().status().attempts.by_kind.empty(); });
  }
  void run_until_ended(const Pending<UpstreamResult>& pending) {
    run_until(context, [&] { return pending->has_value(); });
    ASSERT_TRUE(*pending);
  }
  void expect_gone(const Pending<UpstreamResult>& pending) {
    run_until_ended(pending);
    ASSERT_FALSE(**pending);
    EXPECT_EQ((*pending)->error().error.code, ErrorCode::client_gone);
    EXPECT_EQ((*pending)->error().error.source, ErrorSource::upstream);
  }
  static std::string unavailable(const std::string& fields = "") {
    return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" + fields + "\r\n";
  }

  FakeClock clock;
  asio::io_context context{1};
  int requests = 0;
  int token_requests = 0;  // which get no answer
  int closed = 0;          // connections whose request got no answer
  std::string reply;       // to every request; empty: none
  bool loses_kept = false;
  Loopback server{context, [this](tcp::socket& socket) { return serve(socket); }};
  config::Upstream settings;
  std::vector<config::Credential> credentials;

 private:
  std::list<UpstreamRequest> sent_;
  std::optional<UpstreamClient> upstream_executor_;
};

TEST_F(UpstreamClientTest, SendsNothingThatNobodyWaitsFor) {
  for (const bool abandoned : {true, false}) {
    const auto turn = std::make_shared<Turn>();
    abandoned ? turn->abandon() : turn->set_unattended(true);
    expect_gone(send(turn));
  }
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(upstream_client().requests_sent(), 0U);
}

TEST_F(UpstreamClientTest, WhoIsAbandonedWaitsForNoToken) {
  const auto turn = std::make_shared<Turn>();
  const auto waiting = send(turn, true);
  run_until(context, [&] { return token_requests == 1; });
  turn->abandon();
  expect_gone(waiting);
  EXPECT_EQ(requests, 0);
}

TEST_F(UpstreamClientTest, WhatIsAbandonedUnderWaySaysNothingOfTheUpstream) {
  for (int i = 1; i <= 10; ++i) {
    const auto turn = std::make_shared<Turn>();
    const auto under_way = send(turn);
    run_until_sent(i);
    turn->abandon();
    expect_gone(under_way);
  }
  run_until(context, [&] { return closed == 10; });
  const UpstreamStatus status = upstream_client().status();
  EXPECT_FALSE(status.circuit_open);
  EXPECT_EQ(status.retries + status.retries_refused, 0U);
  EXPECT_EQ(upstream_client().requests_sent(), 10U);
  const counters::AttemptKind broken_off{"route", 499, counters::Reason::miss};
  EXPECT_EQ(status.attempts.by_kind.at(broken_off), 10U);
}

TEST_F(UpstreamClientTest, IsNotSentAgainAfterAPauseThatNobodyHasWaitedFor) {
  reply = unavailable("Retry-After: 5\r\n");
  const auto turn = std::make_shared<Turn>();
  const auto pausing = send(turn);
  run_until_answered();
  turn->abandon();
  expect_gone(pausing);
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(upstream_client().status().retries, 0U);
}

/// Three may be sent again before any request has succeeded; those that were not keep nobody from it.
TEST_F(UpstreamClientTest, WhatIsNotSentAgainAfterAllCostsNothingOfTheRetryBudget) {
  reply = unavailable("Retry-After: 5\r\n");
  const counters::AttemptKind failed{"route", 503, counters::Reason::miss};
  for (unsigned i = 1; i <= 5; ++i) {
    const auto turn = std::make_shared<Turn>();
    const auto pausing = send(turn);
    run_until(context, [&] {
      const auto attempts = upstream_client().status().attempts.by_kind;
      const auto found = attempts.find(failed);
      return found != attempts.end() && found->second == i;
    });
    turn->abandon();
    expect_gone(pausing);
  }
  EXPECT_EQ(upstream_client().status().retries_refused, 0U);
}

TEST_F(UpstreamClientTest, WhatIsUnattendedGoesOnAndIsNotSentAgain) {
  const auto turn = std::make_shared<Turn>();
  const auto under_way = send(turn);
  run_until(context, [&] {
    if (requests == 0) return false;
    turn->set_unattended(true);
    return true;
  });
  EXPECT_FALSE(*under_way);
  turn->abandon();
  expect_gone(under_way);

  reply = unavailable();
  const auto another = std::make_shared<Turn>();
  const auto answered = send(another);
  run_until(context, [&] {
    if (requests == 2) another->set_unattended(true);
    return answered->has_value();
  });
  ASSERT_TRUE(*answered);
  ASSERT_TRUE(**answered);
  EXPECT_EQ((*answered)->value().status, 503U);
  EXPECT_EQ(requests, 2);
}

TEST_F(UpstreamClientTest, AProbeThatIsAbandonedKeepsNobodyFromTheNext) {
  settings.max_retries = 0;
  reply = "close";
  for (int i = 0; i < 8; ++i) run_until_ended(send(nullptr));
  ASSERT_TRUE(upstream_client().status().circuit_open);
  clock.advance(1s);
  reply.clear();
  const int before = requests;
  const auto turn = std::make_shared<Turn>();
  const auto probe = send(turn);
  run_until_sent(before + 1);
  turn->abandon();
  expect_gone(probe);
  EXPECT_TRUE(upstream_client().status().circuit_open);
  clock.advance(1s);
  reply = answer("alive");
  run_until_ended(send(nullptr));
  EXPECT_FALSE(upstream_client().status().circuit_open);
}

TEST_F(UpstreamClientTest, ALostKeptConnectionSaysNothingOfTheUpstream) {
  settings.max_retries = 0;
  loses_kept = true;
  reply = answer("alive");
  for (int i = 0; i < 12; ++i) {
    const auto answered = send(nullptr);
    run_until_ended(answered);
    ASSERT_TRUE(**answered) << i;
    EXPECT_EQ((*answered)->value().body, "alive");
  }
  const UpstreamStatus status = upstream_client().status();
  EXPECT_EQ(status.resent, 11U);
  EXPECT_EQ(status.circuit_opened, 0U);
  EXPECT_EQ(upstream_client().requests_sent(), 12U);
}

/// Which nobody sends again then: the end is ours.
TEST_F(UpstreamClientTest, KeptConnectionsThatEndWithTheClientSayNothingOfTheUpstream) {
  constexpr int many = 8;  // failures in a row open the circuit
  settings.max_retries = 0;
  for (const bool first : {true, false}) {
    reply = first ? answer("alive") : "";
    std::vector<Pending<UpstreamResult>> together;
    for (int i = 0; i < many; ++i) together.push_back(send(nullptr));
    run_until_sent(first ? many : 2 * many);
    if (!first) upstream_client().stop();
    for (const auto& one : together) run_until_ended(one);
  }
  EXPECT_EQ(upstream_client().status().circuit_opened, 0U);
}

TEST_F(UpstreamClientTest, FailuresInARowOpenTheCircuitAndNothingIsSentThen) {
  settings.max_retries = 0;
  reply = "close";
  for (int i = 0; i < 8; ++i) run_until_ended(send(nullptr));
  const auto refused = send(nullptr);
  run_until_ended(refused);
  ASSERT_FALSE(**refused);
  EXPECT_EQ((*refused)->error().error.code, ErrorCode::upstream_unreachable);
  EXPECT_EQ((*refused)->error().retry_after, 1s);
  EXPECT_EQ(requests, 8);
  EXPECT_EQ(upstream_client().requests_sent(), 8U);
}

TEST_F(UpstreamClientTest, AnAnswerThatCannotBeUnderstoodSaysThatTheUpstreamLives) {
  settings.max_retries = 0;
  reply = "HTTP/1.1 999999 What\r\n\r\n";
  for (int i = 0; i < 10; ++i) {
    const auto answered = send(nullptr);
    run_until_ended(answered);
    ASSERT_FALSE(**answered);
    EXPECT_EQ((*answered)->error().error.code, ErrorCode::upstream_invalid_response);
  }
  EXPECT_FALSE(upstream_client().status().circuit_open);
}

TEST_F(UpstreamClientTest, AnAnswerThatIsTooLongIsRefusedWhereItsLengthIsToBeExact) {
  settings.max_retries = 0;
  reply = answer("one") + "more";
  const auto exact = send(nullptr);
  run_until_ended(exact);
  ASSERT_FALSE(**exact);
  EXPECT_EQ((*exact)->error().error.code, ErrorCode::upstream_invalid_response);
  UpstreamRequest lenient;
  lenient.inject_token = false;
  lenient.exact_length = false;
  lenient.target = "/";
  const auto answered = begin(context, upstream_client().send(lenient));
  run_until_ended(answered);
  ASSERT_TRUE(**answered);
  EXPECT_EQ((*answered)->value().body, "one");
}

TEST_F(UpstreamClientTest, WhatMayPassIsSentAgainAfterAPause) {
  reply = unavailable();
  const auto answered = send(nullptr);
  run_until_answered();
  EXPECT_FALSE(*answered);
  reply = answer("alive");
  clock.advance(2s);
  run_until_ended(answered);
  ASSERT_TRUE(**answered);
  EXPECT_EQ((*answered)->value().status, 200U);
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(upstream_client().status().retries, 1U);
}

TEST_F(UpstreamClientTest, AWaitForAConnectionThatRunsOutSaysWhenToComeAgain) {
  settings.max_connections = 1;
  const auto turn = std::make_shared<Turn>();
  const auto under_way = send(turn);
  run_until_sent(1);
  settings.budget.max_queue_wait = 1ms;  // from now on: the first may take as long as it takes
  upstream_client().change(settings, credentials);
  const auto late = send(nullptr);
  run_until_ended(late);
  ASSERT_FALSE(**late);
  EXPECT_EQ((*late)->error().error.code, ErrorCode::overloaded);
  EXPECT_EQ((*late)->error().retry_after, 1s);
  turn->abandon();
  expect_gone(under_way);
  EXPECT_EQ(upstream_client().requests_sent(), 1U);
}

}  // namespace
}  // namespace roktcached::upstream
