#include "tests/unit/server/session/session_fixture.h"

namespace roktcached::session {
namespace {

using namespace std::chrono_literals;

/// How a session, and the answer at hand, ends.
class SessionEndsTest : public SessionFixture {
 protected:
  /// One that waits for the handler's answer.
  void start_and_ask(const std::string& request) {
    start();
    ASSERT_EQ(receive_and_go_on(request), Need::answer);
  }
  [[nodiscard]] http::Cut last_cut() const { return handler.all_finished.back().written.cut; }
  [[nodiscard]] std::size_t last_bytes() const { return handler.all_finished.back().written.content_bytes; }
};

TEST_F(SessionEndsTest, AClientThatEndsItsHalfBetweenTwoRequestsIsSeenOff) {
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  sent.clear();
  session->input_ended(InputEnd::end_of_stream);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(sent, "");
  EXPECT_EQ(session->ending(), Ending::close);
}

TEST_F(SessionEndsTest, OneThatRetiresWaitsForItsNextRequestAndSaysThatItIsTheLast) {
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  EXPECT_FALSE(has("Connection: close")) << sent;
  session->retire();
  EXPECT_EQ(go_on(), Need::request) << "it still waits: no client sends into a connection that closes";
  sent.clear();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::end);
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 200 ")) << sent;
  EXPECT_TRUE(has("Connection: close")) << sent;
}

TEST_F(SessionEndsTest, ARequestThatIsCutOffIsRefused) {
  for (const auto& [begun, part] : {std::pair(std::string("GET / HT"), "head"),
                                    std::pair(post("/", "Content-Length: 2\r\n", "a"), "content")}) {
    start();
    EXPECT_EQ(receive_and_go_on(begun), Need::rest);
    session->input_ended(InputEnd::end_of_stream);
    EXPECT_EQ(go_on(), Need::end);
    EXPECT_TRUE(sent.starts_with("HTTP/1.1 400 ")) << sent;
    EXPECT_TRUE(has(std::string("the ") + part + " is cut off")) << sent;
    EXPECT_EQ(last_cut(), http::Cut::none);
    start();
    EXPECT_EQ(receive_and_go_on(begun), Need::rest);
    session->input_ended(InputEnd::failure);
    EXPECT_EQ(go_on(), Need::end);
    EXPECT_EQ(sent, "") << "there is nobody to tell";
  }
  EXPECT_TRUE(handler.asked.empty());
}

TEST_F(SessionEndsTest, ContentThatBreaksOffIsNotTakenForWhole) {
  for (const bool http11 : {true, false}) {
    start_and_ask(get("/pieces", "", http11 ? "1.1" : "1.0"));
    session->answered(answer_in_pieces());
    EXPECT_EQ(go_on(), Need::piece);
    give_piece("0123456789");
    EXPECT_EQ(go_on(), Need::piece);
    session->cut_off(http::Cut::upstream, 4);
    EXPECT_EQ(session->ending(), http11 ? Ending::close : Ending::reset);
    EXPECT_TRUE(handler.all_finished.empty()) << "nobody is told before the connection is reset";
    EXPECT_EQ(go_on(), Need::end);
    EXPECT_FALSE(has("\r\n0\r\n\r\n"));
    EXPECT_EQ(last_cut(), http::Cut::upstream);
    EXPECT_EQ(last_bytes(), http11 ? 10U : 6U) << "a reset takes back what has not arrived";
    handler.all_finished.clear();
  }
}

TEST_F(SessionEndsTest, ASlowClientIsResetAndLosesWhatTheKernelHolds) {
  for (const http::Cut why : {http::Cut::write_timeout, http::Cut::write_rate, http::Cut::overloaded}) {
    start();
    receive(get("/large"));
    EXPECT_EQ(session->advance(), Need::write);
    take_output(10'000);
    const std::size_t of_content = 10'000 - (sent.find("\r\n\r\n") + 4);
    session->cut_off(why, 1'000);
    EXPECT_EQ(session->ending(), Ending::reset);
    EXPECT_EQ(go_on(), Need::end);
    EXPECT_EQ(last_cut(), why);
    EXPECT_EQ(last_bytes(), of_content - 1'000);
  }
}

TEST_F(SessionEndsTest, AClientThatHasGoneLosesWhatTheKernelHolds) {
  start();
  receive(get("/large"));
  EXPECT_EQ(session->advance(), Need::write);
  take_output(500);
  session->cut_off(http::Cut::client_gone, 100'000);
  EXPECT_EQ(session->ending(), Ending::close);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(last_cut(), http::Cut::client_gone);
  EXPECT_EQ(last_bytes(), 0U);
}

/// What waits behind an answer that is cut has not been answered, and nobody is told that it was.
TEST_F(SessionEndsTest, ACutBeforeTheHandlersAnswerFinishesNothing) {
  start();
  receive(get("/hit") + get("/miss"));
  EXPECT_EQ(session->advance(), Need::flush);
  session->cut_off(http::Cut::client_gone, 0);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(handler.all_finished.size(), 1U);
}

TEST_F(SessionEndsTest, AClientThatLeavesBeforeItsAnswerGetsNone) {
  start_and_ask(get("/miss"));
  session->departure().announce();
  session->answered(answer_of("late"));
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(sent, "");
  ASSERT_EQ(handler.all_finished.size(), 1U);
  EXPECT_EQ(handler.all_finished[0].status, 499U);
  EXPECT_EQ(last_cut(), http::Cut::client_gone);
  start_and_ask(get("/pieces"));
  session->answered(answer_in_pieces());
  EXPECT_EQ(go_on(), Need::piece);
  session->departure().announce();
  session->cut_off(http::Cut::upstream, 0);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(last_cut(), http::Cut::client_gone) << "it is not the upstream's failure";
}

/// What is closed with unread bytes is reset, and the client may lose the answer (RFC 9112, section 9.6).
TEST_F(SessionEndsTest, BytesBehindALastRequestAreReadAway) {
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit", "Connection: close\r\n") + "x"), Need::end);
  EXPECT_EQ(session->ending(), Ending::linger);
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit", "Connection: close\r\n")), Need::end);
  EXPECT_EQ(session->ending(), Ending::after_answer);
  session->linger_at_end();
  EXPECT_EQ(session->ending(), Ending::linger);
}

/// The rest may be on its way: it has been announced.
TEST_F(SessionEndsTest, WhatMayStillComeBehindARefusalIsReadAway) {
  limits.max_body = 10;
  start();
  EXPECT_EQ(receive_and_go_on(post("/hit", "Content-Length: 11\r\n", "")), Need::end);
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 413 ")) << sent;
  EXPECT_EQ(session->ending(), Ending::linger);
}

TEST_F(SessionEndsTest, ADrainAsksForWhatHasArrivedAndNothingMore) {
  start();
  session->drain();
  EXPECT_EQ(go_on(), Need::arrived);
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::end) << "it was sent in good faith";
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit"));
  EXPECT_TRUE(has("\r\nConnection: close\r\n"));
  start();
  session->drain();
  EXPECT_EQ(go_on(), Need::arrived);
  session->input_ended(InputEnd::end_of_stream);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(sent, "");
}

/// Whatever a session waits for when it is drained: the request at hand is answered, and then comes the end.
TEST_F(SessionEndsTest, ADrainLetsTheRequestAtHandBeAnswered) {
  start();  // it has begun
  EXPECT_EQ(receive_and_go_on("GET /hit HTTP/1.1\r\n"), Need::rest);
  session->drain();
  EXPECT_EQ(go_on(), Need::rest);
  EXPECT_EQ(receive_and_go_on("Host: a\r\n\r\n"), Need::end);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit"));

  start_and_ask(get("/miss"));  // the handler has it
  session->drain();
  EXPECT_EQ(go_on(), Need::answer);
  session->answered(answer_of("found"));
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_TRUE(has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(sent.ends_with("\r\n\r\nfound"));

  start_and_ask(get("/pieces"));  // its answer has begun
  session->answered(answer_in_pieces());
  EXPECT_EQ(go_on(), Need::piece);
  session->drain();
  give_piece("one");
  EXPECT_EQ(go_on(), Need::piece);
  session->got_piece(std::nullopt);
  EXPECT_EQ(go_on(), Need::arrived) << "its head has not said that nothing more comes";
  EXPECT_TRUE(sent.ends_with("3\r\none\r\n0\r\n\r\n"));

  start();  // its answer is being sent
  receive(get("/hit"));
  EXPECT_EQ(session->advance(), Need::write);
  session->drain();
  EXPECT_EQ(session->advance(), Need::write);
  take_output();
  EXPECT_EQ(go_on(), Need::arrived);
}

TEST_F(SessionEndsTest, ADrainEndsAfterTheHandshake) {
  start(true);
  EXPECT_EQ(go_on(), Need::handshake);
  session->drain();
  EXPECT_EQ(go_on(), Need::handshake);
  session->handshake_done(nullptr);
  EXPECT_EQ(go_on(), Need::arrived);
  EXPECT_EQ(session->deadline(now()), now() + 10s) << "no longer than a head may take";
}

TEST_F(SessionEndsTest, AnAbortAsksForNothingMore) {
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  session->abort();
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(session->ending(), Ending::drop);
  start();
  receive(get("/large"));
  EXPECT_EQ(session->advance(), Need::write);
  session->abort();
  session->cut_off(http::Cut::client_gone, 0);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(last_cut(), http::Cut::shutdown) << "that is why";
}

}  // namespace
}  // namespace roktcached::session
