#include <gmock/gmock.h>

#include "core/caching/variants.h"
#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

class PassThroughHandlerTest : public ProxyFixture {
 protected:
  /// Puts an answer into the store under every credential, and a name for the test.
  void store_mixed(const std::string& target) {
    for (const auto& credential : runtime.settings.credentials) {
      caching::StoredResponse response;
      response.key = caching::http_key(credential.name, target);
      response.route = "mixed-get";
      response.head = "Cache-Control: max-age=60\r\n";
      response.body = caching::share_body("before");
      response.fetched_at = clock.wall_now();
      response.fresh_until = clock.wall_now() + 60s;
      response.usable_until = clock.wall_now() + 1h;
      store.put(caching::share(std::move(response)));
    }
  }
  /// How many credentials' answers for the target can still be given.
  int still_stored(const std::string& target) {
    int count = 0;
    for (const auto& credential : runtime.settings.credentials) {
      const auto found = store.find_in_memory(caching::http_key(credential.name, target), clock.wall_now());
      if (found && !caching::VariantIndex::is_index(*found)) ++count;
    }
    return count;
  }
  int left_after(const std::string& method, const ScriptedUpstream::Script& script) {
    store_mixed("/mixed/a");
    upstream.answer = script;
    ask("/mixed/a", {}, method);
    return still_stored("/mixed/a");
  }
};

TEST_F(PassThroughHandlerTest, AnAnswerIsPassedWithoutCookiesAndFieldsOfTheConnection) {
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_answer(207, "body",
                           {{"Set-Cookie", "session=1"},
                            {"set-cookie", "other=2"},
                            {"Content-Length", "4"},
                            {"X-Request-Id", "upstream's"},
                            {"Connection", "X-Hop, keep-alive"},
                            {"X-Hop", "1"},
                            {"Keep-Alive", "timeout=5"},
                            {"Transfer-Encoding", "chunked"},
                            {"Content-Type", "text/plain"},
                            {"X-Custom", "a"},
                            {"Cache-Control", "max-age=60"}});
  };
  auto answer = ask("/logs/a");
  EXPECT_EQ(answer.status, 207U);
  EXPECT_EQ(content_of(answer), "body");
  EXPECT_EQ(answer.head,
            "Content-Type: text/plain\r\nX-Custom: a\r\nCache-Control: max-age=60\r\n"
            "Cache-Status: roktcached; fwd=bypass\r\n");
  EXPECT_TRUE(answer.shared_head.empty());
  EXPECT_EQ(answer.notes.outcome, http::CacheOutcome::passed);
  EXPECT_EQ(answer.notes.route, "logs");
  EXPECT_TRUE(answer.notes.upstream);
  ask("/logs/a");
  EXPECT_EQ(upstream.requests.size(), 2U) << "nothing is kept";
}

TEST_F(PassThroughHandlerTest, ARequestGoesAsItCame) {
  http::Request request;
  request.method = "POST";
  request.target = "/logs/a?b=%2f";
  request.body = "content";
  request.protocol = "1.0";
  request.fields.add("If-None-Match", "\"a\"");
  request.fields.add("Range", "bytes=0-1");
  request.fields.add("Authorization", "Bearer its-own");
  ask(std::move(request));
  ASSERT_EQ(upstream.requests.size(), 1U);
  const upstream::UpstreamRequest& sent = upstream.requests[0];
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.target, "/logs/a?b=%2f");
  EXPECT_EQ(sent.body, "content");
  EXPECT_EQ(sent.received_protocol, "1.0");
  EXPECT_EQ(sent.fields.to_lines(),
            "If-None-Match: \"a\"\r\nRange: bytes=0-1\r\nAuthorization: Bearer its-own\r\n");
  EXPECT_FALSE(sent.inject_token);
  EXPECT_FALSE(sent.accept_gzip) << "coding is the client's own business";
  EXPECT_EQ(sent.reason, counters::Reason::passed);
  EXPECT_EQ(sent.client, "client");
  EXPECT_EQ(sent.route, "logs");
  EXPECT_TRUE(sent.stream);
}

TEST_F(PassThroughHandlerTest, AFailureIsAProblemThatSaysWhenToComeAgain) {
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_timeout);
  };
  const auto answer = ask("/logs/a");
  EXPECT_EQ(answer.status, 504U);
  EXPECT_EQ(told(answer), "roktcached; fwd=bypass");
  EXPECT_EQ(http::value_in_lines(answer.head, "Retry-After"), "3");
  EXPECT_EQ(answer.notes.route, "logs");
  EXPECT_EQ(answer.notes.outcome, http::CacheOutcome::failed);
}

TEST_F(PassThroughHandlerTest, ARequestThatBreaksDownIsAnsweredAllTheSame) {
  upstream.answer = [](const upstream::UpstreamRequest&) -> upstream::UpstreamResult {
    throw std::runtime_error("a bug");
  };
  const auto answer = ask("/logs/a");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_EQ(answer.notes.route, "logs");
}

TEST_F(PassThroughHandlerTest, AnAnswerInPiecesBeginsWithItsHead) {
  upstream.stream_first = [](std::shared_ptr<GrowingAnswer> stream) -> boost::asio::awaitable<void> {
    upstream::AnswerHead head{.status = 200, .fields = {}, .length = 11};
    head.fields.add("Set-Cookie", "session=1");
    head.fields.add("X-Custom", "a");
    stream->begin(std::move(head));
    (void)co_await stream->append("hello ");
    (void)co_await stream->append("world");
  };
  upstream.answer = [](const upstream::UpstreamRequest&) {
    upstream::UpstreamResult result = upstream_answer(200, "");
    result->streamed = true;
    return result;
  };
  auto answer = ask("/logs/a");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.head, "X-Custom: a\r\nCache-Status: roktcached; fwd=bypass\r\n");
  EXPECT_EQ(answer.content_length, 11U);
  EXPECT_EQ(content_of(answer), "hello world");
}

TEST_F(PassThroughHandlerTest, ContentThatBreaksOffIsNotTakenForWhole) {
  upstream.stream_first = [](std::shared_ptr<GrowingAnswer> stream) -> boost::asio::awaitable<void> {
    stream->begin({.status = 200, .fields = {}, .length = {}});
    (void)co_await stream->append("half");
  };
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_invalid_response);
  };
  auto answer = ask("/logs/a");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(content_of(answer), "half!") << "an error, and no end";
}

/// RFC 9111, section 4.4: who writes may show another credential than who reads.
TEST_F(PassThroughHandlerTest, AWriteEndsWhatIsStoredUnderEveryCredential) {
  const auto with_status = [](unsigned status) {
    return [status](const upstream::UpstreamRequest&) { return upstream_answer(status, "done"); };
  };
  for (const unsigned status : {200U, 204U, 303U})
    EXPECT_EQ(left_after("POST", with_status(status)), 0) << status;
  for (const unsigned status : {400U, 404U, 500U})
    EXPECT_EQ(left_after("POST", with_status(status)), 2) << status;
}

TEST_F(PassThroughHandlerTest, AWriteWhoseAnswerIsLostMayHaveBeenDone) {
  const auto failing = [](ErrorSource source) {
    return [source](const upstream::UpstreamRequest&) {
      return upstream_failure(ErrorCode::upstream_timeout, source);
    };
  };
  EXPECT_EQ(left_after("POST", failing(ErrorSource::upstream)), 0);
  EXPECT_EQ(left_after("POST", failing(ErrorSource::proxy)), 2) << "it was not sent";
}

TEST_F(PassThroughHandlerTest, AWriteWhoseAnswerHasOnlyBegunHasBeenDone) {
  EXPECT_EQ(left_after("POST",
                       [](const upstream::UpstreamRequest& request) {
                         request.stream->begin({.status = 200, .fields = {}, .length = {}});
                         return upstream_failure(ErrorCode::upstream_invalid_response);
                       }),
            0);
}

TEST_F(PassThroughHandlerTest, AClientThatHasGoneLeavesNothingThatAWriteMayHaveChanged) {
  store_mixed("/mixed/a");
  Departure departure;
  upstream.answer = [&](const upstream::UpstreamRequest&) {
    departure.announce();
    return upstream_failure(ErrorCode::client_gone);
  };
  http::Request request;
  request.method = "POST";
  request.target = "/mixed/a";
  request.departure = &departure;
  const auto answer = ask(std::move(request));
  EXPECT_EQ(answer.status, 499U);
  EXPECT_EQ(answer.notes.route, "mixed-post");
  EXPECT_EQ(still_stored("/mixed/a"), 0);
}

}  // namespace
}  // namespace roktcached::proxy
