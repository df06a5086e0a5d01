#include "tests/unit/server/session/connection_fixture.h"

namespace roktcached::session {
namespace {

/// How a connection goes on after an answer, and how it ends.
class ConnectionEndsTest : public ConnectionFixture {
 protected:
  /// More than a reader takes at once.
  static std::string much() { return std::string(std::size_t{40} * 1024, 'x'); }
  /// The client is done, and so the connection need wait for nothing more.
  void say_goodbye() { ::shutdown(client->get(), SHUT_WR); }
};

TEST_F(ConnectionEndsTest, AnswersOneRequestAfterTheOther) {
  start();
  send(get("/hit") + get("/miss") + get("/pieces") + get("/hit", "Connection: close\r\n"));
  run_until_over();
  ASSERT_EQ(handler.finished_ones.size(), 4U);
  const auto hit = received.find("\r\n\r\nhit");
  const auto found = received.find("\r\n\r\nfound", hit);
  const auto pieces = received.find("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", found);
  EXPECT_NE(received.find("\r\n\r\nhit", pieces), std::string::npos) << received;
  EXPECT_EQ(received.find("Connection: close"), received.rfind("Connection: close"))
      << "of the last one alone";
  EXPECT_TRUE(closed);
}

/// There is no other sign of it (RFC 9112, section 6.3).
TEST_F(ConnectionEndsTest, AnHttp10ClientLearnsTheEndOfUnknownContentByTheEndOfTheConnection) {
  start();
  send(get("/pieces", "Connection: keep-alive\r\n", "1.0"));
  run_until_over();
  EXPECT_TRUE(closed);
  EXPECT_TRUE(received.ends_with("\r\n\r\nonetwo")) << received;
  EXPECT_FALSE(has("keep-alive"));
  EXPECT_FALSE(has("chunked"));
}

TEST_F(ConnectionEndsTest, AnHttp10ClientThatKnowsTheLengthMayGoOn) {
  start();
  send(get("/known", "Connection: keep-alive\r\n", "1.0"));
  run_until_received("\r\n\r\nonetwo");
  EXPECT_TRUE(has("Connection: keep-alive\r\n"));
  EXPECT_TRUE(has("Content-Length: 6\r\n"));
  send(get("/hit", "", "1.0"));
  run_until_over();
  EXPECT_TRUE(received.ends_with("\r\n\r\nhit"));
  EXPECT_TRUE(closed) << "it has not asked for more";
}

TEST_F(ConnectionEndsTest, ContentThatBreaksOffIsNotWholeForAnybody) {
  for (const char* const version : {"1.0", "1.1"}) {
    received.clear();
    handler.finished_ones.clear();
    start();
    send(get("/cut", "Connection: keep-alive\r\n", version));
    run_until_over();
    ASSERT_EQ(handler.finished_ones.size(), 1U);
    EXPECT_EQ(handler.finished_ones[0].written.cut, http::Cut::upstream);
    EXPECT_FALSE(has("\r\n0\r\n\r\n"));
  }
}

/// What is closed with unread bytes is reset, and the client may lose the answer (RFC 9112, section 9.6).
TEST_F(ConnectionEndsTest, BytesBehindALastRequestResetNoAnswer) {
  for (const auto& [target, content] : {std::pair("/hit", "\r\n\r\nhit"), std::pair("/miss", "\r\n\r\nfound"),
                                        std::pair("/pieces", "0\r\n\r\n")}) {
    received.clear();
    start();
    send(get(target, "Connection: close\r\n") + much());
    run_until_received(content);
    EXPECT_TRUE(send("and more")) << target << ": it goes on reading for a moment";
    say_goodbye();
    run_until_over();
    EXPECT_TRUE(closed) << target;
    EXPECT_FALSE(was_reset) << target;
  }
}

TEST_F(ConnectionEndsTest, AFewBytesBehindALastRequestSayThatMoreMayCome) {
  for (const char* const target : {"/hit", "/miss", "/pieces"}) {
    received.clear();
    start();
    send(get(target, "Connection: close\r\n") + "x");
    run_until_received("HTTP/1.1 200 OK");
    EXPECT_TRUE(send("and more")) << target;
    say_goodbye();
    run_until_over();
    EXPECT_TRUE(closed) << target;
    EXPECT_FALSE(was_reset) << target;
  }
}

TEST_F(ConnectionEndsTest, BytesBehindARefusedRequestResetNoRefusal) {
  start();
  send("GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + much());
  run_until_received("invalid-request");
  EXPECT_TRUE(has("HTTP/1.1 400 "));
  EXPECT_TRUE(has("Connection: close\r\n"));
  EXPECT_TRUE(send("and more"));
  say_goodbye();
  run_until_over();
  EXPECT_TRUE(closed);
  EXPECT_FALSE(was_reset);
  EXPECT_TRUE(handler.asked.empty()) << "nothing behind it is read as a request";
}

TEST_F(ConnectionEndsTest, AClientThatAsksForNothingMoreIsSeenOff) {
  start();
  send(get("/hit"));
  run_until_received("\r\n\r\nhit");
  say_goodbye();
  run_until_over();
  EXPECT_TRUE(closed);
  EXPECT_EQ(handler.finished_ones.size(), 1U);
}

TEST_F(ConnectionEndsTest, AnIdleConnectionEndsInTime) {
  limits.idle_timeout = 1ms;
  start();
  run_until_over();
  EXPECT_TRUE(closed);
  EXPECT_EQ(received, "");
}

TEST_F(ConnectionEndsTest, ADrainEndsAnIdleConnectionAtOnce) {
  start();
  send(get("/hit"));
  run_until_received("\r\n\r\nhit");
  connection->drain();
  run_until_over();
  EXPECT_TRUE(closed);
}

TEST_F(ConnectionEndsTest, ADrainStillAnswersWhatWasSentBeforeIt) {
  start();
  send(get("/hit"));
  run_until_received("\r\n\r\nhit");
  send(get("/miss"));
  connection->drain();
  run_until_over();
  EXPECT_TRUE(has("\r\n\r\nfound"));
  EXPECT_TRUE(has("Connection: close\r\n"));
  EXPECT_TRUE(closed);
}

TEST_F(ConnectionEndsTest, AnAbortAnswersNothing) {
  start();
  send(get("/hit"));
  run_until_received("\r\n\r\nhit");
  received.clear();
  send(get("/hit"));
  connection->abort();
  run_until_over();
  EXPECT_EQ(received, "");
}

}  // namespace
}  // namespace roktcached::session
