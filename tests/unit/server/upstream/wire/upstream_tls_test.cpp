#include <gmock/gmock.h>

#include "tests/unit/server/upstream/wire/connection_fixture.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

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
