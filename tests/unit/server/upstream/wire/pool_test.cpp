#include "server/upstream/wire/pool.h"

#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

class PoolTest : public testing::Test {
 protected:
  static config::Upstream settings_for(const Loopback& server) {
    config::Upstream settings;
    settings.url = server.url();
    return settings;
  }
  asio::awaitable<void> serve(tcp::socket& socket) {
    for (int served = 0; served < requests_a_connection; ++served) {
      const std::string head = co_await read_head(socket);
      if (head.empty()) co_return;
      ++requests;
      if (silent) {
        co_await read_head(socket);
        ++closed;
        co_return;
      }
      if (deaf || std::exchange(deaf_connections, std::max(deaf_connections - 1, 0)) > 0) co_return;
      co_await write_text(socket, answer("x"));
    }
  }
  Result<UpstreamResponse> exchange(Pool& pool) {
    const WireRequest request = get();
    return run(context, pool.exchange(request));
  }

  Pending<Result<UpstreamResponse>> begin_exchange(Pool& pool, Turn* turn) {
    auto pending = begin(context, pool.exchange(to_send, nullptr, LargeAnswer::refuse, turn));
    context.restart();
    context.poll();
    return pending;
  }
  void run_until_sent(int count) {
    run_until(context, [&] { return requests == count; });
  }
  void run_until_ended(const Pending<Result<UpstreamResponse>>& pending) {
    run_until(context, [&] { return pending->has_value(); });
  }
  void expect_gone(const Pending<Result<UpstreamResponse>>& pending) {
    run_until_ended(pending);
    ASSERT_TRUE(*pending);
    ASSERT_FALSE(**pending);
    EXPECT_EQ((*pending)->error().code, ErrorCode::client_gone);
  }
  struct Waiting : Turn {
    explicit Waiting(std::chrono::milliseconds patience = 1h, Priority priority = Priority::interactive) {
      Turn::begin({"client", priority}, std::chrono::steady_clock::now(), patience);
    }
  };

  asio::io_context context;
  const WireRequest to_send = get();
  bool silent = false;  // requests get no answer
  int closed = 0;       // silent connections
  int requests_a_connection = 1000;
  bool deaf = false;         // each connection ends with its next request, which gets no answer
  int deaf_connections = 0;  // the same of so many
  int requests = 0;
  Loopback server{context, [this](tcp::socket& socket) { return serve(socket); }};
  config::Upstream settings = settings_for(server);
  Origin origin{context.get_executor(), settings};
};

TEST_F(PoolTest, UsesAConnectionAgain) {
  Pool pool(context.get_executor(), origin);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(exchange(pool));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(PoolTest, ReplacesAConnectionThatWasClosedWhileIdle) {
  requests_a_connection = 1;
  Pool pool(context.get_executor(), origin);
  for (int i = 0; i < 3; ++i) {
    const auto response = exchange(pool);
    ASSERT_TRUE(response) << response.error().context;
    context.poll();  // lets the server close
  }
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(requests, 3);
}

TEST_F(PoolTest, SendsAgainOverANewConnectionWhereAKeptOneIsLost) {
  Pool pool(context.get_executor(), origin);
  ASSERT_TRUE(exchange(pool));
  deaf_connections = 1;
  const auto response = exchange(pool);
  ASSERT_TRUE(response) << response.error().context;
  EXPECT_EQ(response->body, "x");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(pool.resent(), 1U);
}

TEST_F(PoolTest, SendsAgainOnceOnly) {
  Pool pool(context.get_executor(), origin);
  ASSERT_TRUE(exchange(pool));
  deaf = true;
  const auto response = exchange(pool);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::upstream_unreachable);
  EXPECT_FALSE(is_loss_of_kept_connection(response.error())) << "the new one is to blame";
  EXPECT_EQ(requests, 3);
}

TEST_F(PoolTest, SendsWhatMayNotBeRepeatedOverANewConnection) {
  Pool pool(context.get_executor(), origin);
  ASSERT_TRUE(exchange(pool));
  WireRequest request("POST", "", "/");
  request.set_content("");
  EXPECT_TRUE(run(context, pool.exchange(request)));
  EXPECT_EQ(server.connections(), 2);
  deaf_connections = 1;
  EXPECT_FALSE(run(context, pool.exchange(request)));
  EXPECT_EQ(requests, 3) << "a loss is not sent again either";
  EXPECT_EQ(pool.resent(), 0U);
}

TEST_F(PoolTest, ANewConnectionThatFailsIsNoLossOfAKeptOne) {
  Pool pool(context.get_executor(), origin);
  deaf = true;
  const auto response = exchange(pool);
  ASSERT_FALSE(response);
  EXPECT_FALSE(is_loss_of_kept_connection(response.error()));
  EXPECT_EQ(requests, 1);
}

TEST_F(PoolTest, KeepsNoConnectionBeyondItsMaximumAge) {
  settings.max_age = 0ms;
  Pool pool(context.get_executor(), origin);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(exchange(pool));
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(PoolTest, ClosesWhatHasBecomeTooOldOrIdleForTooLong) {
  for (const bool by_age : {true, false}) {
    settings.max_age = by_age ? 30ms : 10min;
    settings.idle_timeout = by_age ? 10min : 30ms;
    Pool pool(context.get_executor(), origin);
    ASSERT_TRUE(exchange(pool));
    const int connections = server.connections();
    context.run_for(60ms);
    ASSERT_TRUE(exchange(pool));
    EXPECT_EQ(server.connections(), connections + 1);
  }
}

TEST_F(PoolTest, BreaksOffWhatIsAbandoned) {
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting turn;
  const auto under_way = begin_exchange(pool, &turn);
  run_until_sent(1);
  EXPECT_FALSE(*under_way);
  turn.abandon();
  expect_gone(under_way);
  run_until(context, [&] { return closed == 1; });
  EXPECT_EQ(closed, 1);
  silent = false;
  EXPECT_TRUE(exchange(pool));
}

TEST_F(PoolTest, WhoIsNotWaitedForLeavesTheLine) {
  settings.max_connections = 1;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  Waiting abandoned;
  Waiting unattended;
  Waiting last;
  const auto under_way = begin_exchange(pool, &first);
  run_until_sent(1);
  const auto second = begin_exchange(pool, &abandoned);
  const auto third = begin_exchange(pool, &unattended);
  const auto fourth = begin_exchange(pool, &last);
  abandoned.abandon();
  unattended.set_unattended(true);
  expect_gone(second);
  expect_gone(third);
  silent = false;
  first.abandon();
  expect_gone(under_way);
  run_until_ended(fourth);
  ASSERT_TRUE(*fourth);
  EXPECT_TRUE(**fourth);
  EXPECT_EQ(requests, 2) << "nothing was sent for those who had left";
}

TEST_F(PoolTest, ASlotThatWasGrantedToWhoHasJustLeftGoesToTheNext) {
  settings.max_connections = 1;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  Waiting second;
  Waiting third;
  const auto under_way = begin_exchange(pool, &first);
  run_until_sent(1);
  const auto leaves = begin_exchange(pool, &second);
  const auto stays = begin_exchange(pool, &third);
  silent = false;
  first.abandon();
  second.abandon();
  expect_gone(leaves);
  run_until_ended(stays);
  ASSERT_TRUE(*stays);
  EXPECT_TRUE(**stays);
  EXPECT_EQ(requests, 2);
}

TEST_F(PoolTest, WaitsInLineUntilTheDeadlineOfItsTurn) {
  settings.max_connections = 1;
  settings.head_timeout = 1h;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  const auto under_way = begin_exchange(pool, &first);
  run_until_sent(1);
  Waiting impatient(1ms);
  const auto late = begin_exchange(pool, &impatient);
  run_until_ended(late);
  ASSERT_TRUE(*late);
  ASSERT_FALSE(**late);
  EXPECT_EQ((*late)->error().code, ErrorCode::overloaded);
  first.abandon();
  expect_gone(under_way);
}

TEST_F(PoolTest, TheOldestThatIsUnattendedMakesRoomForAClient) {
  settings.max_connections = 2;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  Waiting second;
  const auto oldest = begin_exchange(pool, &first);
  run_until_sent(1);
  const auto younger = begin_exchange(pool, &second);
  run_until_sent(2);
  first.set_unattended(true);
  second.set_unattended(true);
  Waiting refresh(1h, Priority::revalidation);
  const auto behind = begin_exchange(pool, &refresh);
  EXPECT_FALSE(*oldest) << "no client waits for a refresh";
  refresh.abandon();
  expect_gone(behind);

  silent = false;
  Waiting client;
  const auto served = begin_exchange(pool, &client);
  run_until_ended(served);
  ASSERT_TRUE(*served);
  EXPECT_TRUE(**served);
  expect_gone(oldest);
  EXPECT_FALSE(*younger) << "it was in nobody's way";
  second.abandon();
  expect_gone(younger);
}

TEST_F(PoolTest, WhoBecomesUnattendedWhileAClientWaitsMakesRoom) {
  settings.max_connections = 1;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  const auto under_way = begin_exchange(pool, &first);
  run_until_sent(1);
  Waiting client;
  const auto served = begin_exchange(pool, &client);
  silent = false;
  EXPECT_FALSE(*under_way);
  first.set_unattended(true);
  expect_gone(under_way);
  run_until_ended(served);
  ASSERT_TRUE(*served);
  EXPECT_TRUE(**served);
}

TEST_F(PoolTest, WhatIsAttendedAgainMakesNoRoom) {
  settings.max_connections = 1;
  Pool pool(context.get_executor(), origin);
  silent = true;
  Waiting first;
  const auto under_way = begin_exchange(pool, &first);
  run_until_sent(1);
  first.set_unattended(true);
  first.join({"another"}, std::chrono::steady_clock::now());
  Waiting client(1ms);
  const auto turned_away = begin_exchange(pool, &client);
  run_until_ended(turned_away);
  EXPECT_FALSE(*under_way);
  ASSERT_TRUE(*turned_away);
  EXPECT_FALSE(**turned_away);
  first.abandon();
  expect_gone(under_way);
}

}  // namespace
}  // namespace roktcached::upstream
