#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ssl/error.hpp>
#include <string>
#include <utility>

#include "tests/unit/server/net/tls_stream_fixture.h"

namespace roktcached::net {
namespace {

TEST_F(StreamWithTls, TellsOfAnEndThatHasComeWithTheLastRequest) {
  shake_hands();
  encipher("one");
  SSL_shutdown(client.get());
  carry();
  EXPECT_EQ(read_now(), std::pair(error_code(), std::string("one")));
  EXPECT_TRUE(stream->holds_more()) << "no poller would tell: the client's side of the socket is open";
  EXPECT_EQ(read_now().first, asio::error::eof);
}

TEST_F(StreamWithTls, KnowsTheEndThatTheClientMeans) {
  shake_hands();
  begin_reading();
  SSL_shutdown(client.get());
  carry();
  run();
  EXPECT_EQ(read_error, asio::error::eof);
}

TEST_F(StreamWithTls, KnowsTheEndThatTheClientDoesNotMean) {
  shake_hands();
  begin_reading();
  peer.reset();
  run();
  EXPECT_EQ(read_error, asio::ssl::error::stream_truncated);
  EXPECT_EQ(read_now().first, asio::ssl::error::stream_truncated);
}

TEST_F(StreamWithTls, KnowsAnEndInTheMiddleOfARecord) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  begin_reading();
  carry(ciphertext().substr(0, 20));
  run();
  ASSERT_FALSE(read_error);
  peer.reset();
  run();
  EXPECT_EQ(read_error, asio::ssl::error::stream_truncated);
  EXPECT_EQ(read, "");
}

TEST_F(StreamWithTls, RefusesARecordThatWasChanged) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  std::string changed = ciphertext();
  changed.back() ^= 1;
  carry(changed);
  begin_reading();
  ASSERT_TRUE(read_error);
  EXPECT_EQ(read_error->category(), asio::error::get_ssl_category()) << read_error->message();
  EXPECT_EQ(read, "");
}

TEST_F(StreamWithTls, RefusesToRenegotiate) {
  SSL_set_max_proto_version(client.get(), TLS1_2_VERSION);
  shake_hands();
  ASSERT_EQ(SSL_renegotiate(client.get()), 1);
  SSL_do_handshake(client.get());
  begin_reading();
  carry();
  run();
  EXPECT_FALSE(read_error);
  carry();
  ERR_clear_error();
  const int result = SSL_do_handshake(client.get());
  EXPECT_EQ(SSL_get_error(client.get(), result), SSL_ERROR_SSL);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

TEST_F(StreamWithTls, TakesANewKeyOfTheClientAndMakesOneItself) {
  shake_hands();
  ASSERT_EQ(SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  encipher("with the new key");
  carry();
  EXPECT_EQ(read_now().second, "with the new key");
  EXPECT_EQ(write_now("", "with another"), 12U);
  EXPECT_EQ(got(), "with another");
}

TEST_F(StreamWithTls, SaysItsLastWordAndWaitsForTheClients) {
  shake_hands();
  bool parted = false;
  asio::co_spawn(context, stream->end_sending(), [&](const std::exception_ptr&) { parted = true; });
  run();
  EXPECT_FALSE(parted);
  EXPECT_EQ(got(), "");
  EXPECT_EQ(end, SSL_ERROR_ZERO_RETURN);
  SSL_shutdown(client.get());
  carry();
  run();
  EXPECT_TRUE(parted);
}

TEST_F(StreamWithTls, WaitsNoLongerOnceItIsCancelled) {
  shake_hands();
  begin_reading();
  stream->cancel();
  run();
  EXPECT_EQ(read_error, asio::error::operation_aborted);
  encipher("later");
  carry();
  EXPECT_EQ(read_now().second, "later");
}

TEST_F(StreamWithTls, WritesNothingToTheSocketThatTakesItsPlace) {
  shake_hands();
  const int number = stream->descriptor();
  stream->close();
  std::array<int, 2> others = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, others.data()), 0);
  const Descriptor one(others[0]);
  const Descriptor other(others[1]);
  ASSERT_TRUE(one.get() == number || other.get() == number);
  EXPECT_EQ(write_now("head", "content"), 0U);
  char octet = 0;
  EXPECT_EQ(::recv(one.get(), &octet, 1, 0), -1);
  EXPECT_EQ(::recv(other.get(), &octet, 1, 0), -1);
}

}  // namespace
}  // namespace roktcached::net
