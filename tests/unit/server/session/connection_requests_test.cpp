#include "server/http/own_pseudonym.h"
#include "tests/unit/server/session/connection_fixture.h"

namespace roktcached::session {
namespace {

/// What becomes of a request on its way from the client's bytes to the handler.
class ConnectionRequestsTest : public ConnectionFixture {
 protected:
  /// Sends it as the last one of a connection of its own.
  void ask(const std::string& request) {
    received.clear();
    handler.asked.clear();
    start();
    send(request);
    run_until_received("\r\n\r\n");
    client.reset();
    run_until([&] { return is_over(); });
  }
  [[nodiscard]] bool is_refused_with(unsigned status) const {
    return received.starts_with("HTTP/1.1 " + std::to_string(status) + " ") && handler.asked.empty();
  }
};

/// Wherever it goes on to, the key stays here.
TEST_F(ConnectionRequestsTest, AnApiKeyIsInNothingThatIsHandedOver) {
  for (const char* const referer :
       {"http://localhost/page?api_key=SECRET", "/page?api_key=SECRET", "page?api_key=SECRET",
        "?a=1&api_key=SECRET", "//localhost/page?api_key=SECRET", "../page?%61pi_key=SECRET"}) {
    ask(get("/miss?a=1&api_key=SECRET", std::string("X-API-Key: SECRET\r\nReferer: ") + referer + "\r\n"));
    ASSERT_EQ(handler.asked.size(), 1U) << received;
    EXPECT_EQ(handler.asked[0].target, "/miss?a=1");
    EXPECT_EQ(handler.asked[0].fields, "Host: a\r\n") << referer;
  }
  ask(get("/miss", "Referer: /page?a=1\r\n"));
  EXPECT_EQ(handler.asked[0].fields, "Host: a\r\nReferer: /page?a=1\r\n");
}

TEST_F(ConnectionRequestsTest, ARequestThatComesBackIsALoop) {
  ask(get("/miss", "Via: 1.1 " + own_pseudonym() + "\r\n"));
  EXPECT_TRUE(is_refused_with(508)) << received;
  ask(get("/miss", "Via: 1.1 elsewhere\r\n"));
  EXPECT_EQ(handler.asked.size(), 1U);
}

TEST_F(ConnectionRequestsTest, ContentIsWaitedFor) {
  start();
  send("POST /miss HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\none");
  context.poll();
  EXPECT_TRUE(handler.asked.empty());
  send("two");
  run_until_received("\r\n\r\nfound");
  ASSERT_EQ(handler.asked.size(), 1U);
  EXPECT_EQ(handler.asked[0].method, "POST");
  EXPECT_EQ(handler.asked[0].body, "onetwo");
}

TEST_F(ConnectionRequestsTest, WhoExpectsToBeToldToGoOnIsTold) {
  start();
  send("POST /miss HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  run_until_received("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(handler.asked.empty());
  send("one");
  run_until_received("\r\n\r\nfound");
  EXPECT_EQ(received.find("100 Continue"), received.rfind("100 Continue")) << "once";
  ask("POST /miss HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\none");
  EXPECT_TRUE(received.starts_with("HTTP/1.1 200 ")) << "it has gone on by itself";
  ask(get("/miss", "Expect: else\r\n"));
  EXPECT_TRUE(is_refused_with(417));
}

TEST_F(ConnectionRequestsTest, ContentHasABound) {
  limits.max_body = 10;
  const std::string post = "POST /miss HTTP/1.1\r\nHost: a\r\n";
  ask(post + "Content-Length: 10\r\n\r\n0123456789");
  EXPECT_EQ(handler.asked.size(), 1U);
  ask(post + "Content-Length: 11\r\n\r\n");
  EXPECT_TRUE(is_refused_with(413));
  ask(post + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\n");
  EXPECT_TRUE(is_refused_with(413));
}

TEST_F(ConnectionRequestsTest, AHeadThatDoesNotComeInTimeIsRefused) {
  limits.head_timeout = 1ms;
  limits.body_timeout = 1h;
  ask("GET /miss HTTP/1.1\r\nHost: a\r\n");
  EXPECT_TRUE(is_refused_with(408));
  EXPECT_TRUE(has("the head took longer than 1 ms"));
}

TEST_F(ConnectionRequestsTest, ContentThatDoesNotComeInTimeIsRefused) {
  limits.head_timeout = 1h;
  limits.body_timeout = 1ms;
  ask("POST /miss HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\none");
  EXPECT_TRUE(is_refused_with(408));
  EXPECT_TRUE(has("the content took longer than 1 ms"));
}

/// The time of the head ends with the head.
TEST_F(ConnectionRequestsTest, ContentHasATimeOfItsOwn) {
  limits.head_timeout = 1h;
  limits.body_timeout = 1ms;
  start();
  send("POST /miss HTTP/1.1\r\nHost: a\r\n");
  context.poll();  // it is waited for the rest of the head
  send("Content-Length: 6\r\n\r\none");
  run_until_received("the content took longer than 1 ms");
  EXPECT_TRUE(is_refused_with(408));
}

TEST_F(ConnectionRequestsTest, APageOfAnotherOriginMayAskForLeaveAndGetsNone) {
  ask("OPTIONS /miss HTTP/1.1\r\nHost: a\r\nOrigin: https://elsewhere.example\r\n"
      "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_TRUE(is_refused_with(403)) << received;
  limits.allowed_origins = {"https://bi.example"};
  ask("OPTIONS /miss HTTP/1.1\r\nHost: a\r\nOrigin: https://bi.example\r\n"
      "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_TRUE(is_refused_with(204)) << received;
  EXPECT_TRUE(has("Access-Control-Allow-Origin: https://bi.example\r\n"));
  EXPECT_TRUE(has("Access-Control-Allow-Methods: GET, DELETE of /miss\r\n")) << "as the handler says";
}

TEST_F(ConnectionRequestsTest, EachAnswerHasTheIdOfItsRequest) {
  start();
  send(get("/hit", "X-Request-Id: mine-1\r\n") + get("/miss", "X-Request-Id: mine-2\r\n") + get("/hit"));
  run_until([&] {
    receive();
    return handler.finished_ones.size() == 3;
  });
  receive();
  const auto first = received.find("X-Request-Id: mine-1\r\n");
  const auto second = received.find("X-Request-Id: mine-2\r\n", first);
  ASSERT_NE(second, std::string::npos) << received;
  EXPECT_NE(received.find("X-Request-Id: ", second + 1), std::string::npos)
      << "one is made where none is sent";
}

}  // namespace
}  // namespace roktcached::session
