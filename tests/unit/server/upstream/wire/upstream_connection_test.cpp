#include "server/upstream/wire/upstream_connection.h"

#include <gmock/gmock.h>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>

#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(ConnectionLifetime, IsTheMaximumAgeOrUpToATenthLess) {
  EXPECT_EQ(connection_lifetime(10min, 0), 10min);
  EXPECT_EQ(connection_lifetime(10min, 0.5), 9min + 30s);
  EXPECT_GT(connection_lifetime(10min, 0.999), 9min);
  EXPECT_EQ(connection_lifetime(0ms, 0.7), 0ms);
}

class ConnectionTest : public testing::Test {
 protected:
  using Opened = Result<std::unique_ptr<UpstreamConnection>>;
  using Answered = Result<UpstreamResponse>;

  Opened open(Origin& origin) {
    return run(context, UpstreamConnection::open(context.get_executor(), origin));
  }
  Answered exchange(UpstreamConnection& connection) {
    const WireRequest request = get();
    return run(context, connection.exchange(request));
  }
  /// A server that answers every request with `bytes`, and closes behind them if it is to.
  Loopback::Serve answering(std::string bytes, bool closing = false) {
    return [this, bytes, closing](tcp::socket& socket) -> asio::awaitable<void> {
      while (true) {
        const std::string head = co_await read_head(socket);
        if (head.empty()) break;
        heads.push_back(head);
        co_await write_text(socket, bytes);
        if (closing) break;
      }
    };
  }

  asio::io_context context;
  config::Upstream settings;
  std::vector<std::string> heads;
};

TEST_F(ConnectionTest, KnowsAnAnswerThatIsLongerThanItsLength) {
  Loopback server(context, answering(answer("one") + "more"));
  settings.url = server.url();
  Origin origin(context.get_executor(), settings);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = exchange(**connection);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->body, "one");
  EXPECT_TRUE(answered->surplus);
  EXPECT_FALSE((*connection)->reusable());
}

TEST_F(ConnectionTest, HoldsWhatAnAnswerTakesWhereThereIsRoom) {
  storage::BodyAccount account(10'000);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                              std::string(2000, 'y') + "\r\n0\r\n\r\n";
  for (const std::string& bytes : {answer(std::string(2000, 'x')), chunked}) {
    Loopback server(context, answering(bytes));
    settings.url = server.url();
    Origin origin(context.get_executor(), settings, &account);
    Opened connection = open(origin);
    ASSERT_TRUE(connection);
    Answered answered = exchange(**connection);
    ASSERT_TRUE(answered) << answered.error().context;
    EXPECT_GE(account.read().growing, 2000U);
    const auto body = answered->held.share(std::move(answered->body));
    EXPECT_EQ(account.read().all, 2000U);
  }
  EXPECT_EQ(account.read().all, 0U);
}

TEST_F(ConnectionTest, RefusesAnAnswerForWhichThereIsNoRoom) {
  storage::BodyAccount account(1999);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                              std::string(2000, 'y') + "\r\n0\r\n\r\n";
  for (const std::string& bytes : {answer(std::string(2000, 'x')), chunked}) {
    Loopback server(context, answering(bytes));
    settings.url = server.url();
    Origin origin(context.get_executor(), settings, &account);
    Opened connection = open(origin);
    ASSERT_TRUE(connection);
    const Answered answered = exchange(**connection);
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().code, ErrorCode::overloaded);
    EXPECT_FALSE((*connection)->reusable());
    EXPECT_EQ(account.read().all, 0U);
  }
}

/// Somebody gives way only after a moment.
TEST_F(ConnectionTest, WaitsForRoomWhileSomethingGivesWay) {
  storage::BodyAccount account(2000);
  auto slow = storage::share_body(&account, std::string(500, 's'));
  account.when_short([this, &slow] {
    asio::post(context, [&slow] { slow.reset(); });
    return true;
  });
  Loopback server(context, answering(answer(std::string(2000, 'x'))));
  settings.url = server.url();
  Origin origin(context.get_executor(), settings, &account);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = exchange(**connection);
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body.size(), 2000U);
}

TEST_F(ConnectionTest, SendsWholeWhatTheSystemDoesNotTakeAtOnce) {
  const std::string content = std::string(16 << 20, 'x') + "end";
  WireRequest request("POST", "", "/");
  request.set_content(content);
  WipedBuffer head;
  request.append_head(head);
  std::string received(head.size() + content.size(), '\0');
  Loopback server(context, [&received](tcp::socket& socket) -> asio::awaitable<void> {
    co_await asio::async_read(socket, asio::buffer(received), as_result);
    co_await write_text(socket, answer("taken"));
  });
  settings.url = server.url();
  Origin origin(context.get_executor(), settings);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = run(context, (*connection)->exchange(request));
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body, "taken");
  EXPECT_TRUE(received.starts_with("POST / HTTP/1.1\r\n"));
  EXPECT_TRUE(received.ends_with("\r\n\r\n" + content));
}

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

/// A TLS server behind a proxy: what it writes is up to the test, and so is how it closes.
class TlsTest : public ConnectionTest {
 protected:
  using Stream = asio::ssl::stream<tcp::socket&>;

  TlsTest() {
    settings.url = {true, "upstream.invalid", 443, ""};
    settings.proxy = server.url();
    settings.ca_file = certificate.path;
  }

  asio::awaitable<void> serve(tcp::socket& socket) {
    co_await read_head(socket);
    co_await write_text(socket, "HTTP/1.1 200 OK\r\n\r\n");
    Stream stream(socket, certificate.server);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_result);
    if (error) co_return;
    resumed.push_back(SSL_session_reused(stream.native_handle()) != 0);
    versions.push_back(SSL_version(stream.native_handle()));
    const char* const name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    if (name != nullptr) server_name = name;
    while (!(co_await read_head(stream)).empty()) {
      co_await write_text(stream, reply);
      if (close == Close::none) continue;
      if (close == Close::notice) co_await stream.async_shutdown(as_result);
      break;
    }
  }
  Answered fetch(Origin& origin) {
    Opened connection = open(origin);
    if (!connection) return connection.error();
    Answered answered = exchange(**connection);
    reusable = (*connection)->reusable();
    return answered;
  }
  Answered fetch() {
    Origin origin(context.get_executor(), settings);
    return fetch(origin);
  }

  enum class Close { none, notice, abrupt };
  Certificate certificate{"upstream.invalid"};
  Loopback server{context, [this](tcp::socket& socket) { return serve(socket); }};
  std::string reply = answer("secret");
  Close close = Close::none;
  std::vector<bool> resumed;
  std::vector<int> versions;
  std::string server_name;
  bool reusable = false;
};

TEST_F(TlsTest, VerifiesTheUpstreamInsideTheTunnel) {
  const Answered answered = fetch();
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body, "secret");
  EXPECT_EQ(server_name, "upstream.invalid");
  EXPECT_TRUE(reusable);
  settings.url.host = "elsewhere.invalid";
  const Answered refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::upstream_unreachable);
  EXPECT_THAT(refused.error().context, HasSubstr("certificate verify failed"));
}

TEST_F(TlsTest, ResumesItsLastSession) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_max_proto_version(certificate.server.native_handle(), version);
    resumed.clear();
    Origin origin(context.get_executor(), settings);
    for (int i = 0; i < 4; ++i) {
      const Answered answered = fetch(origin);
      ASSERT_TRUE(answered) << answered.error().context;
      EXPECT_EQ(versions.back(), version);
    }
    EXPECT_EQ(resumed, (std::vector<bool>{false, true, true, true}));
  }
}

TEST_F(TlsTest, OffersNoSessionAnHourAfterTheLastCertificate) {
  Origin origin(context.get_executor(), settings);
  ASSERT_TRUE(fetch(origin));
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::unique_ptr<SSL, void (*)(SSL*)> next(SSL_new(origin.tls->native_handle()), SSL_free);
  origin.sessions.offer_to(next.get(), now + 59min);
  EXPECT_NE(SSL_get_session(next.get()), nullptr);
  const std::unique_ptr<SSL, void (*)(SSL*)> last(SSL_new(origin.tls->native_handle()), SSL_free);
  origin.sessions.offer_to(last.get(), now + 61min);
  EXPECT_EQ(SSL_get_session(last.get()), nullptr);
}

TEST_F(TlsTest, ForgetsASessionWithWhichAHandshakeFailed) {
  Origin origin(context.get_executor(), settings);
  ASSERT_TRUE(fetch(origin));
  SSL_CTX_set_max_proto_version(certificate.server.native_handle(), TLS1_1_VERSION);
  ASSERT_FALSE(fetch(origin));
  SSL_CTX_set_max_proto_version(certificate.server.native_handle(), TLS1_3_VERSION);
  ASSERT_TRUE(fetch(origin));
  EXPECT_EQ(resumed, (std::vector<bool>{false, false}));
}

TEST_F(TlsTest, AHandshakeEndsWhereNobodyWaitsForTheRequest) {
  bool connected = false;
  Loopback silent(context, [&connected](tcp::socket& socket) -> asio::awaitable<void> {
    connected = true;
    co_await read_head(socket);
  });
  settings.proxy.reset();
  settings.url.port = silent.port();
  settings.url.host = "127.0.0.1";
  Origin elsewhere(context.get_executor(), settings);
  Turn turn;
  const asio::any_io_executor executor = context.get_executor();  // is referred to until it is open
  const auto opened = begin(context, UpstreamConnection::open(executor, elsewhere, &turn));
  run_until(context, [&] { return connected; });
  turn.set_unattended(true);
  run_until(context, [&] { return opened->has_value(); });
  ASSERT_TRUE(*opened);
  ASSERT_FALSE(**opened);
  EXPECT_EQ((*opened)->error().code, ErrorCode::client_gone);
}

TEST_F(TlsTest, AWholeAnswerIsWholeHoweverTheConnectionCloses) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\n\r\n";
  for (const std::string& whole : {answer("secret"), chunked}) {
    for (const Close how : {Close::notice, Close::abrupt}) {
      reply = whole;
      close = how;
      const Answered answered = fetch();
      ASSERT_TRUE(answered) << answered.error().context;
      EXPECT_EQ(answered->body, "secret");
      EXPECT_FALSE(answered->surplus);
    }
  }
}

TEST_F(TlsTest, AnAnswerUntilTheCloseEndsWithANoticeOrIsTruncated) {
  reply = "HTTP/1.1 200 OK\r\n\r\nsecret";
  close = Close::notice;
  const Answered whole = fetch();
  ASSERT_TRUE(whole) << whole.error().context;
  EXPECT_EQ(whole->body, "secret");
  EXPECT_FALSE(reusable);
  close = Close::abrupt;
  const Answered truncated = fetch();
  ASSERT_FALSE(truncated);
  EXPECT_EQ(truncated.error().code, ErrorCode::upstream_invalid_response);
}

TEST_F(TlsTest, AnAnswerThatBreaksOffIsNone) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const std::string& broken : {head + "Content-Length: 9\r\n\r\nsecret",
                                    head + "Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n"}) {
    for (const Close how : {Close::notice, Close::abrupt}) {
      reply = broken;
      close = how;
      const Answered answered = fetch();
      ASSERT_FALSE(answered);
      EXPECT_EQ(answered.error().code, ErrorCode::upstream_invalid_response);
    }
  }
}

TEST_F(TlsTest, KnowsAnAnswerThatIsLongerThanItsLength) {
  reply = answer("secret") + answer("another's");
  const Answered answered = fetch();
  ASSERT_TRUE(answered);
  EXPECT_TRUE(answered->surplus);
  EXPECT_FALSE(reusable);
}

}  // namespace
}  // namespace roktcached::upstream
