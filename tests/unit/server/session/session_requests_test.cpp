#include <functional>

#include "tests/unit/server/session/session_fixture.h"

namespace roktcached::session {
namespace {

using namespace std::chrono_literals;

/// What a session makes of a client's bytes, wherever they are cut.
class SessionRequestsTest : public SessionFixture {
 protected:
  /// Carries the session until it wants bytes, or the end; answers whatever the handler does not.
  Need carry() {
    while (true) {
      const Need need = go_on();
      if (need == Need::answer) {
        const bool in_pieces = handler.asked.back().find(" /pieces ") != std::string::npos;
        session->answered(in_pieces ? answer_in_pieces() : answer_of("found"));
        pieces_ = 0;
      } else if (need == Need::piece) {
        pieces_++ < 2 ? give_piece("a piece") : session->got_piece(std::nullopt);
      } else {
        return need;
      }
    }
  }
  /// All that is answered to `bytes`, which come in as many reads as there are of them.
  std::string answers_to(const std::vector<std::string>& reads) {
    handler.asked.clear();
    start();
    Need need = carry();
    for (const std::string& read : reads) {
      if (need == Need::end) break;
      receive(read);
      need = carry();
    }
    return sent;
  }
  std::string answer_to(const std::string& request) { return answers_to({request}); }
  static bool has_status(const std::string& answer, unsigned status) {
    return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
  }

 private:
  int pieces_ = 0;
};

TEST_F(SessionRequestsTest, WherePipelinedRequestsAreCutDoesNotShow) {
  const auto id = [](const std::string& of) { return "X-Request-Id: id-" + of + "\r\n"; };
  const std::string all = get("/hit", id("1")) + get("/hit", id("2")) + "\r\n" + get("/miss", id("3")) +
                          post("/miss", id("4") + "Content-Length: 5\r\n", "01234") +
                          post("/pieces", id("5") + "Transfer-Encoding: chunked\r\n",
                               "3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n") +
                          "HEAD /hit HTTP/1.1\r\nHost: a\r\n" + id("6") + "\r\n" +
                          get("/hit", id("7") + "Connection: close\r\n");
  const std::string expected = answer_to(all);
  const std::vector<std::string> asked = handler.asked;
  ASSERT_EQ(asked.size(), 7U) << expected;
  EXPECT_NE(asked[3].find("{01234}"), std::string::npos);
  EXPECT_NE(asked[4].find("{abcd}"), std::string::npos);
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    ASSERT_EQ(answers_to({all.substr(0, cut), all.substr(cut)}), expected) << cut;
    ASSERT_EQ(handler.asked, asked) << cut;
  }
  std::vector<std::string> octets;
  for (const char octet : all) octets.emplace_back(1, octet);
  EXPECT_EQ(answers_to(octets), expected);
  EXPECT_EQ(handler.asked, asked);
}

/// A refusal, too, is the same wherever the bytes are cut, and nothing behind it is read as a request.
TEST_F(SessionRequestsTest, WhereARefusedRequestIsCutDoesNotShow) {
  for (const std::string& bad :
       {std::string("GET  /hit HTTP/1.1\r\n"), std::string("GET /hit HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        get("/hit", "A : b\r\n"), get("/hit", "A: b\r\n c\r\n"), get("/hit", "Content-Length: 1\r\n"),
        post("/hit", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", ""),
        post("/hit", "Transfer-Encoding: chunked\r\n", "x\r\n")}) {
    const std::string all = get("/hit", "X-Request-Id: id-1\r\n") + bad + get("/hit");
    answer_to(all);
    const auto refusal = sent.find("HTTP/1.1 ", 1);
    ASSERT_NE(refusal, std::string::npos) << bad;
    EXPECT_EQ(sent.find("HTTP/1.1 2", refusal), std::string::npos) << sent;
    EXPECT_EQ(session->ending(), Ending::linger);
    const std::string status = sent.substr(refusal, 12);
    EXPECT_EQ(status, "HTTP/1.1 400") << bad;
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
      answers_to({all.substr(0, cut), all.substr(cut)});
      ASSERT_EQ(sent.substr(refusal, 12), status) << bad << cut;
      ASSERT_EQ(sent.find("HTTP/1.1 2", refusal), std::string::npos) << bad << cut;
      ASSERT_EQ(handler.asked.size(), 1U) << bad << cut;
    }
  }
}

TEST_F(SessionRequestsTest, AHeadHasItsLimits) {
  limits.max_head = 200;
  const std::string shortest = get("/hit", "X: \r\n");
  const auto padded = [&](std::size_t size) {
    return get("/hit", "X: " + std::string(size - shortest.size(), 'x') + "\r\n");
  };
  EXPECT_TRUE(has_status(answer_to(padded(200)), 200));
  EXPECT_TRUE(has_status(answer_to(padded(201)), 431)) << sent;
  EXPECT_TRUE(has_status(answer_to("GET /" + std::string(200, 'x')), 414)) << "its end need not come";
  limits.max_head = 16 * 1024;  // as a reload does
  ++limits.number;
  contexts.free_all();
  std::string fields;
  for (int i = 1; i < 100; ++i) fields += "X-" + std::to_string(i) + ": a\r\n";
  EXPECT_TRUE(has_status(answer_to(get("/hit", fields)), 200)) << "a hundred with Host";
  EXPECT_TRUE(has_status(answer_to(get("/hit", fields + "X-100: a\r\n")), 431)) << sent;
  EXPECT_TRUE(handler.asked.empty());
}

TEST_F(SessionRequestsTest, ContentHasItsLimit) {
  limits.max_body = 10;
  EXPECT_TRUE(has_status(answer_to(post("/miss", "Content-Length: 10\r\n", "0123456789")), 200));
  EXPECT_TRUE(has_status(answer_to(post("/miss", "Content-Length: 11\r\n", "")), 413));
  EXPECT_TRUE(handler.asked.empty());
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_TRUE(has_status(answer_to(post("/miss", chunked, "a\r\n0123456789\r\n0\r\n\r\n")), 200));
  EXPECT_TRUE(has_status(answer_to(post("/miss", chunked, "b\r\n")), 413)) << "as soon as it is announced";
}

TEST_F(SessionRequestsTest, AClientThatExpectsToBeToldToGoOnIsToldOnce) {
  const std::string head =
      post("/miss", "Expect: 100-continue\r\nContent-Length: 2\r\nX-Request-Id: id-1\r\n", "");
  start();
  EXPECT_EQ(receive_and_go_on(head), Need::rest);
  EXPECT_EQ(sent, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(receive_and_go_on("a"), Need::rest);
  EXPECT_EQ(sent, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(receive_and_go_on("b"), Need::answer);
  session->answered(answer_of("found"));
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(receive_and_go_on(head), Need::rest);
  EXPECT_NE(sent.find("100 Continue"), sent.rfind("100 Continue")) << "once for each request";
  EXPECT_TRUE(has_status(answer_to(head + "ab"), 200)) << "it has gone on by itself";
  EXPECT_TRUE(has_status(answer_to(get("/hit", "Expect: 100-continue\r\n")), 200)) << "there is no content";
  start();
  EXPECT_EQ(receive_and_go_on("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            Need::rest);
  EXPECT_EQ(sent, "") << "HTTP/1.0 knows no interim answers";
  EXPECT_TRUE(has_status(answer_to(get("/hit", "Expect: else\r\n")), 417));
}

/// RFC 9112, section 9.3.
TEST_F(SessionRequestsTest, WhichConnectionsAreKept) {
  struct Case {
    const char* version;
    const char* field;
    bool kept;
  };
  for (const Case& one : {Case{"1.1", "", true},
                          {"1.1", "Connection: keep-alive\r\n", true},
                          {"1.1", "Connection: close\r\n", false},
                          {"1.1", "Connection: keep-alive, close\r\n", false},
                          {"1.1", "Connection: Close\r\n", false},
                          {"1.0", "", false},
                          {"1.0", "Connection: keep-alive\r\n", true},
                          {"1.0", "Connection: Keep-Alive\r\n", true},
                          {"1.0", "Connection: keep-alive, close\r\n", false}}) {
    start();
    const Need need = receive_and_go_on(get("/hit", one.field, one.version));
    EXPECT_EQ(need, one.kept ? Need::request : Need::end) << one.version << one.field;
    EXPECT_EQ(has("\r\nConnection: close\r\n"), !one.kept) << sent;
    EXPECT_EQ(has("\r\nConnection: keep-alive\r\n"), one.kept && std::string_view(one.version) == "1.0")
        << sent;
    EXPECT_EQ(session->ends_with_output(), !one.kept);
    EXPECT_EQ(session->ending(), one.kept ? Ending::close : Ending::after_answer);
  }
}

/// Java's HttpClient asks for h2c on each connection.
TEST_F(SessionRequestsTest, AnUpgradeIsPassedOver) {
  start();
  EXPECT_EQ(receive_and_go_on(
                get("/hit", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n")),
            Need::request);
  EXPECT_TRUE(has_status(sent, 200)) << sent;
  EXPECT_FALSE(has("Upgrade"));
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
}

/// Whoever gets the memory of a request next must find nothing of it.
TEST_F(SessionRequestsTest, ARefusedRequestLeavesNothingToTheNext) {
  const std::string request = get("/hit", "X-Request-Id: id-1\r\n");
  const std::string alone = answer_to(request);
  ASSERT_TRUE(has_status(alone, 200));
  const std::vector<std::string> asked = handler.asked;
  for (const std::string& bad :
       {std::string("HEAD  / HTTP/1.1\r\n"), get("/hit", "Expect: else\r\n", "1.0"),
        post("/hit", "Origin: https://elsewhere.example\r\nContent-Length: 3\r\n", "abc"),
        post("/hit", "Content-Length: 99999999\r\n", "abc"),
        post("/hit", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nx"), get("/hit?api_key=a&api_key=b")}) {
    const std::string refusal = answer_to(bad + "GET /left");
    EXPECT_FALSE(has_status(refusal, 200)) << bad;
    EXPECT_EQ(answer_to(request), alone) << bad;
    EXPECT_EQ(handler.asked, asked) << bad;
  }
}

TEST_F(SessionRequestsTest, EachRequestHasTheTimeOfItsTurn) {
  class Times final : public http::Handler {
   public:
    explicit Times(FakeClock& clock) : clock_(clock) {}
    bool answer_now(http::Request& request, http::Answer& answer) override {
      all.push_back(request.received_at);
      clock_.advance(1s);
      answer.notes.route = "a-route";
      answer.status = 204;
      return true;
    }
    asio::awaitable<http::Answer> handle(const http::Request&) override { co_return http::Answer{}; }
    void finished(const http::Request&, const http::Answer&, const http::Written&) override {}
    std::vector<SteadyTime> all;

   private:
    FakeClock& clock_;
  } times(clock);
  const SteadyTime begin = now();
  session.emplace(Session::Environment{limits, times, contexts, clock}, "192.0.2.7", false);
  receive(get("/a") + get("/b") + get("/c"));
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(times.all, std::vector<SteadyTime>({begin, begin + 1s, begin + 2s}));
}

/// A route may have refused the line itself. Then another server may have read it otherwise.
TEST_F(SessionRequestsTest, ALineInDoubtThatARouteRefusesEndsTheConnection) {
  for (const unsigned status : {200U, 404U, 400U}) {
    start();
    ASSERT_EQ(receive_and_go_on(get("/%zz")), Need::answer);
    http::Answer answer = answer_of("of a route");
    answer.status = status;
    session->answered(std::move(answer));
    EXPECT_EQ(go_on(), status == 400 ? Need::end : Need::request) << status;
    EXPECT_EQ(has("Connection: close\r\n"), status == 400) << sent;
  }
}

}  // namespace
}  // namespace roktcached::session
