#include <gmock/gmock.h>

#include "tests/unit/server/upstream/wire/connection_fixture.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProxyTest : public ConnectionTest {
 protected:
  ProxyTest() { settings.url = {false, "upstream.invalid", 8080, ""}; }

  /// A proxy that answers CONNECT so; the tunnel leads to a server that answers "through".
  Error refusal_of(const std::string& reply) {
    Loopback proxy(context, answering(reply));
    settings.proxy = proxy.url();
    Origin origin(context.get_executor(), settings);
    const Opened connection = open(origin);
    EXPECT_FALSE(connection) << reply;
    return connection ? Error{} : connection.error();
  }
};

TEST_F(ProxyTest, LeadsThereWithoutTheUpstreamsNameBeingLookedUp) {
  Loopback proxy(context, [this](tcp::socket& socket) -> asio::awaitable<void> {
    heads.push_back(co_await read_head(socket));
    co_await write_text(socket, "HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n");
    heads.push_back(co_await read_head(socket));
    co_await write_text(socket, answer("through"));
  });
  settings.proxy = proxy.url();
  Origin origin(context.get_executor(), settings);
  Opened connection = open(origin);
  ASSERT_TRUE(connection) << connection.error().context;
  const Answered answered = exchange(**connection);
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body, "through");
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_THAT(heads[0],
              HasSubstr("CONNECT upstream.invalid:8080 HTTP/1.1\r\nHost: upstream.invalid:8080\r\n"));
  EXPECT_THAT(heads[1], HasSubstr("GET / HTTP/1.1"));
}

TEST_F(ProxyTest, ThatRefusesIsNamedWithItsStatus) {
  for (const std::string status : {"407", "302", "502"}) {
    const Error error = refusal_of("HTTP/1.1 " + status + " No\r\nContent-Length: 2\r\n\r\nno");
    EXPECT_EQ(error.code, ErrorCode::upstream_unreachable);
    EXPECT_EQ(error.context, "the proxy 127.0.0.1:" + std::to_string(settings.proxy->port) +
                                 " answered CONNECT with " + status);
  }
}

TEST_F(ProxyTest, ThatTalksNonsenseIsRefused) {
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x');
  for (const std::string& reply : {std::string("SSH-2.0-OpenSSH\r\n\r\n"), endless + "\r\n\r\n",
                                   std::string("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")}) {
    const Error error = refusal_of(reply);
    EXPECT_EQ(error.code, ErrorCode::upstream_unreachable);
    EXPECT_THAT(error.context, HasSubstr("the proxy 127.0.0.1:"));
  }
}

TEST_F(ProxyTest, ThatIsSilentCostsTheConnectTimeout) {
  settings.connect_timeout = 50ms;
  const Error error = refusal_of("");
  EXPECT_EQ(error.code, ErrorCode::upstream_timeout);
  EXPECT_THAT(error.context, HasSubstr("the proxy 127.0.0.1:"));
}

TEST_F(ProxyTest, ThatIsSilentIsNotWaitedForWhereNobodyWaitsForTheRequest) {
  bool asked = false;
  Loopback proxy(context, [&asked](tcp::socket& socket) -> asio::awaitable<void> {
    const std::string head = co_await read_head(socket);
    asked = !head.empty();
    co_await read_head(socket);
  });
  settings.proxy = proxy.url();
  settings.connect_timeout = 1h;
  Origin origin(context.get_executor(), settings);
  Turn turn;
  const asio::any_io_executor executor = context.get_executor();  // is referred to until it is open
  const auto opened = begin(context, UpstreamConnection::open(executor, origin, &turn));
  run_until(context, [&] { return asked; });
  turn.abandon();
  run_until(context, [&] { return opened->has_value(); });
  ASSERT_TRUE(*opened);
  ASSERT_FALSE(**opened);
  EXPECT_EQ((*opened)->error().code, ErrorCode::client_gone);
}

TEST_F(ProxyTest, ThatIsNotThereIsNamed) {
  {
    Loopback proxy(context, answering(""));
    settings.proxy = proxy.url();
  }
  context.poll();
  Origin origin(context.get_executor(), settings);
  const Opened connection = open(origin);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, ErrorCode::upstream_unreachable);
  EXPECT_THAT(connection.error().context, HasSubstr("the proxy 127.0.0.1:"));
}

}  // namespace
}  // namespace roktcached::upstream
