#include "server/session/session.h"

#include "tests/unit/server/session/session_fixture.h"

namespace roktcached::session {
namespace {

using namespace std::chrono_literals;

/// How a session waits and goes on.
class SessionTest : public SessionFixture {
 protected:
  SessionTest() {
    limits.head_timeout = 10s;
    limits.body_timeout = 20s;
    limits.idle_timeout = 60s;
  }
  /// One that waits for the handler's answer.
  void start_and_ask(const std::string& request) {
    start();
    ASSERT_EQ(receive_and_go_on(request), Need::answer);
  }
  [[nodiscard]] http::Cut last_cut() const { return handler.all_finished.back().written.cut; }
  [[nodiscard]] std::size_t last_bytes() const { return handler.all_finished.back().written.content_bytes; }
};

TEST_F(SessionTest, AnswersInOctets) {
  start();
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(receive_and_go_on(get("/hit", "X-Request-Id: id-1\r\n")), Need::request);
  EXPECT_EQ(sent,
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Request-Id: id-1\r\n"
            "X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nDate: Tue, 14 "
            "Nov 2023 22:13:20 GMT\r\n\r\nhit");
  ASSERT_EQ(handler.all_finished.size(), 1U);
  EXPECT_EQ(last_bytes(), 3U);
  EXPECT_EQ(last_cut(), http::Cut::none);
}

TEST_F(SessionTest, AnAnswerToHeadHasTheLengthAndNoContent) {
  start();
  EXPECT_EQ(receive_and_go_on("HEAD /hit HTTP/1.1\r\nHost: a\r\n\r\n"), Need::request);
  EXPECT_TRUE(has("\r\nContent-Length: 3\r\n"));
  EXPECT_TRUE(sent.ends_with("\r\n\r\n"));
  EXPECT_EQ(last_bytes(), 0U);
}

TEST_F(SessionTest, AnswersToPipelinedRequestsGoTogether) {
  start();
  receive(get("/hit") + get("/hit") + get("/hit"));
  EXPECT_EQ(session->advance(), Need::write);
  EXPECT_EQ(session->advance(), Need::write) << "to ask twice changes nothing";
  EXPECT_EQ(handler.asked.size(), 3U);
  EXPECT_EQ(handler.all_finished.size(), 2U) << "the last one is finished when it has gone";
  take_output();
  EXPECT_EQ(session->advance(), Need::request);
  EXPECT_EQ(handler.all_finished.size(), 3U);
}

TEST_F(SessionTest, SaysWhereTheContentThatIsLeftStandsInAFile) {
  start();
  const std::string octets(20'000, 'f');
  const FilePlace place{7, 4096};
  http::Answer answer = answer_of("");
  answer.body = std::make_shared<const caching::Body>(octets, &place);
  receive(get("/of-the-test"));
  ASSERT_EQ(session->advance(), Need::answer);
  session->answered(answer);
  ASSERT_EQ(session->advance(), Need::write);
  http::AnswerWriter& output = session->output();
  const std::size_t head = output.unsent()[0].size();
  const auto offset = [&] { return output.unsent_place()->offset; };
  EXPECT_EQ(output.unsent_place()->descriptor, 7);
  EXPECT_EQ(offset(), 4096U);
  take_output(head - 10);
  EXPECT_EQ(offset(), 4096U);
  take_output(110);
  EXPECT_EQ(offset(), 4196U);
  take_output();
  EXPECT_FALSE(output.unsent_place());
}

TEST_F(SessionTest, SaysWhereAPartOfABodyStandsInAFile) {
  start();
  const std::string octets(20'000, 'f');
  const FilePlace place{7, 4096};
  http::Answer answer = answer_of("");
  answer.body = std::make_shared<const caching::Body>(octets, &place);
  answer.part = answer.body->view().substr(300, 10'000);
  receive(get("/of-the-test"));
  ASSERT_EQ(session->advance(), Need::answer);
  session->answered(answer);
  ASSERT_EQ(session->advance(), Need::write);
  EXPECT_EQ(session->output().unsent_place()->offset, 4396U);
}

/// What is held back is bounded, and a large content is not copied.
TEST_F(SessionTest, ALargeAnswerGoesBeforeTheNextRequestIsAnswered) {
  start();
  receive(get("/hit") + get("/large") + get("/hit"));
  EXPECT_EQ(session->advance(), Need::write);
  EXPECT_EQ(handler.all_finished.size(), 1U);
  EXPECT_EQ(session->output().unsent()[1].data(), handler.large->data());
  take_output(5'000);
  EXPECT_EQ(session->advance(), Need::write);
  take_output();
  EXPECT_EQ(session->advance(), Need::write);
  take_output();
  EXPECT_EQ(session->advance(), Need::request);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit"));
}

/// What was answered is not held back for what takes longer.
TEST_F(SessionTest, AnAnswerGoesBeforeAnythingIsWaitedFor) {
  for (const std::string& next :
       {get("/miss"), std::string("GET /"), post("/a", "Content-Length: 2\r\n", "a")}) {
    start();
    receive(get("/hit") + next);
    EXPECT_EQ(session->advance(), Need::flush) << next;
    take_output();
    const Need need = session->advance();
    EXPECT_TRUE(need == Need::answer || need == Need::rest) << next;
  }
}

TEST_F(SessionTest, AnIdleConnectionHasItsTime) {
  start();
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(session->deadline(now()), now() + 60s);
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  clock.advance(5s);
  EXPECT_EQ(session->deadline(now()), now() + 60s) << "from the answer on";
  session->input_ended(InputEnd::timeout);
  sent.clear();
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_EQ(sent, "") << "nobody has asked for anything";
  EXPECT_EQ(session->ending(), Ending::close);
}

/// From its first byte to its last, and another byte now and then buys no time.
TEST_F(SessionTest, AHeadHasItsTime) {
  start();
  EXPECT_EQ(receive_and_go_on("GET /hit"), Need::rest);
  const SteadyTime due = session->deadline(now());
  EXPECT_EQ(due, now() + 10s);
  clock.advance(9s);
  EXPECT_EQ(receive_and_go_on(" HTTP/1.1\r\n"), Need::rest);
  EXPECT_EQ(session->deadline(now()), due);
  session->input_ended(InputEnd::timeout);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 408 ")) << sent;
  EXPECT_TRUE(has("the head took longer than 10000 ms"));
  EXPECT_TRUE(has("\r\nConnection: close\r\n"));
  EXPECT_EQ(session->ending(), Ending::linger);
  EXPECT_TRUE(handler.asked.empty());
}

TEST_F(SessionTest, ContentHasATimeOfItsOwn) {
  start();
  const std::string request = post("/miss", "Content-Length: 2\r\n", "ab");
  EXPECT_EQ(receive_and_go_on(request.substr(0, 10)), Need::rest);
  EXPECT_EQ(session->deadline(now()), now() + 10s);
  clock.advance(9s);
  EXPECT_EQ(receive_and_go_on(request.substr(10, request.size() - 12)), Need::rest);
  EXPECT_EQ(session->deadline(now()), now() + 20s);
  clock.advance(19s);
  EXPECT_EQ(receive_and_go_on("a"), Need::rest);
  EXPECT_EQ(session->deadline(now()), now() + 1s);
  session->input_ended(InputEnd::timeout);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_TRUE(has("the content took longer than 20000 ms")) << sent;
}

/// A request that lay behind another is not late because that took long.
TEST_F(SessionTest, APipelinedHeadHasItsTimeFromItsTurnOn) {
  start_and_ask(get("/miss") + "GET /");
  clock.advance(1h);
  session->answered(answer_of("found"));
  EXPECT_EQ(go_on(), Need::rest);
  EXPECT_EQ(session->deadline(now()), now() + 10s);
}

TEST_F(SessionTest, TlsBeginsWithAHandshakeThatHasItsTime) {
  start(true);
  EXPECT_EQ(go_on(), Need::handshake);
  EXPECT_EQ(session->deadline(now()), now() + 10s);
  session->handshake_done(nullptr);
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(session->deadline(now()), now() + 60s);
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit"));
  start(true);
  EXPECT_EQ(go_on(), Need::handshake);
  session->input_ended(InputEnd::failure);
  EXPECT_EQ(go_on(), Need::end);
}

TEST_F(SessionTest, ContentOfUnknownLengthComesInChunks) {
  start_and_ask(get("/pieces") + get("/hit"));
  session->answered(answer_in_pieces());
  EXPECT_EQ(go_on(), Need::piece);
  EXPECT_TRUE(has("\r\nTransfer-Encoding: chunked\r\n")) << "the head does not wait for the content";
  const std::size_t head = sent.size();
  give_piece("one");
  EXPECT_EQ(go_on(), Need::piece);
  EXPECT_EQ(sent.substr(head), "3\r\none");
  give_piece("0123456789abcdef");
  EXPECT_EQ(go_on(), Need::piece);
  EXPECT_TRUE(session->sends_content());
  session->got_piece(std::nullopt);
  EXPECT_FALSE(session->sends_content());
  EXPECT_EQ(session->advance(), Need::write);
  take_output();
  EXPECT_EQ(sent.substr(head), "3\r\none\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit")) << "the request behind it";
  EXPECT_EQ(handler.all_finished[0].written.content_bytes, 19U) << "without framing";
}

TEST_F(SessionTest, EmptyContentIsOneLastChunk) {
  start_and_ask(get("/pieces"));
  session->answered(answer_in_pieces());
  EXPECT_EQ(go_on(), Need::piece);
  session->got_piece(std::nullopt);
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_TRUE(sent.ends_with("\r\n\r\n0\r\n\r\n"));
  EXPECT_EQ(last_bytes(), 0U);
}

TEST_F(SessionTest, ContentOfKnownLengthIsNotChunked) {
  for (const char* const version : {"1.0", "1.1"}) {
    start_and_ask(get("/known", "Connection: keep-alive\r\n", version));
    session->answered(answer_in_pieces(6));
    EXPECT_EQ(go_on(), Need::piece);
    give_piece("one");
    EXPECT_EQ(go_on(), Need::piece);
    give_piece("two");
    EXPECT_EQ(go_on(), Need::piece);
    session->got_piece(std::nullopt);
    EXPECT_EQ(go_on(), Need::request) << version;
    EXPECT_TRUE(has("\r\nContent-Length: 6\r\n"));
    EXPECT_TRUE(sent.ends_with("\r\n\r\nonetwo"));
    EXPECT_EQ(last_bytes(), 6U);
  }
}

/// There is no other sign of it (RFC 9112, section 6.3).
TEST_F(SessionTest, AnHttp10ClientLearnsTheEndOfUnknownContentByTheEndOfTheConnection) {
  start_and_ask(get("/pieces", "Connection: keep-alive\r\n", "1.0"));
  session->answered(answer_in_pieces());
  EXPECT_EQ(go_on(), Need::piece);
  give_piece("one");
  EXPECT_EQ(go_on(), Need::piece);
  session->got_piece(std::nullopt);
  EXPECT_EQ(go_on(), Need::end);
  EXPECT_TRUE(has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(sent.ends_with("\r\n\r\none"));
  EXPECT_EQ(session->ending(), Ending::after_answer);
  EXPECT_EQ(last_cut(), http::Cut::none);
}

TEST_F(SessionTest, AnInterimAnswerGoesBeforeTheAnswer) {
  start_and_ask(get("/miss"));
  http::Fields fields;
  fields.add("Link", "</a>");
  session->output().add_interim(103, fields);
  take_output();
  EXPECT_EQ(sent, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  session->answered(answer_of("found"));
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nfound"));
}

/// With TLS there is no waiting without a buffer; else an idle connection is to be small.
TEST_F(SessionTest, AnIdleConnectionHoldsNoContext) {
  start();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  const auto free_one = contexts.borrow();
  Session other({limits, handler, contexts, clock}, "192.0.2.8", false);
  EXPECT_NE(other.prepare(1).data(), nullptr);
  EXPECT_TRUE(free_one->writer.is_empty());
  EXPECT_FALSE(free_one->reader.has_begun());
  EXPECT_EQ(free_one->incoming.request.id, "") << "it is as new";
  other.end();
}

}  // namespace
}  // namespace roktcached::session
