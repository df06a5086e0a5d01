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
      if (deaf) co_return;
      co_await write_text(socket, answer("x"));
    }
  }
  Result<UpstreamResponse> exchange(Pool& pool) {
    const WireRequest request = get();
    return run(context, pool.exchange(request));
  }

  asio::io_context context;
  int requests_a_connection = 1000;
  bool deaf = false;
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

TEST_F(PoolTest, SaysWhetherAKeptConnectionWasLostOrANewOneFailed) {
  Pool pool(context.get_executor(), origin);
  deaf = true;
  const auto on_a_new_one = exchange(pool);
  ASSERT_FALSE(on_a_new_one);
  EXPECT_FALSE(on_a_new_one.error().retryable);
  deaf = false;
  ASSERT_TRUE(exchange(pool));
  deaf = true;
  requests = 0;
  const auto on_a_kept_one = exchange(pool);
  ASSERT_FALSE(on_a_kept_one);
  EXPECT_EQ(on_a_kept_one.error().code, ErrorCode::upstream_unreachable);
  EXPECT_TRUE(on_a_kept_one.error().retryable);
  EXPECT_EQ(requests, 1) << "repeating is not the pool's to decide";
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
