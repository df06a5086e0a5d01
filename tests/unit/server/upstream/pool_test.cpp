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
  Result<UpstreamResponse> exchange(Pool& pool, bool may_repeat = true) {
    const WireRequest request = get();
    return run(context, pool.exchange(request, may_repeat));
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
    const auto response = exchange(pool, false);  // nothing is repeated: the request was never sent
    ASSERT_TRUE(response) << response.error().context;
    context.poll();  // lets the server close
  }
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(requests, 3);
}

TEST_F(PoolTest, RepeatsOnlyWhatIsSafeToRepeat) {
  for (const bool may_repeat : {true, false}) {
    deaf = false;
    Pool pool(context.get_executor(), origin);
    ASSERT_TRUE(exchange(pool));
    deaf = true;
    requests = 0;
    EXPECT_FALSE(exchange(pool, may_repeat));
    EXPECT_EQ(requests, may_repeat ? 2 : 1);
  }
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
