#include "server/upstream/pool.h"

#include "tests/unit/server/upstream/loopback.h"

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
      if (deaf || std::exchange(deaf_connections, std::max(deaf_connections - 1, 0)) > 0) co_return;
      co_await write_text(socket, answer("x"));
    }
  }
  Result<UpstreamResponse> exchange(Pool& pool) {
    const WireRequest request = get();
    return run(context, pool.exchange(request));
  }

  asio::io_context context;
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

}  // namespace
}  // namespace roktcached::upstream
