#include <gtest/gtest.h>

#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

/// Twenty clients of one target on an http route, the first of which fetches.
class HttpFlightsTest : public FetchTableTest {
 protected:
  void ask_together(const std::string& target = "/a") {
    first = **join_http(http_request(target));
    for (int i = 1; i < clients; ++i) others.push_back(join_http(http_request(target)));
    EXPECT_EQ(upstream.requests.size(), 1U);
  }
  /// The upstream begins to answer the request at hand in pieces.
  void begin(const std::string& cache_control, const std::string& vary = {}) {
    upstream::AnswerHead head{.status = 200, .fields = {}, .length = {}};
    head.fields.add("Cache-Control", cache_control);
    if (!vary.empty()) head.fields.add("Vary", vary);
    upstream.requests.front().stream->begin(std::move(head));
    run();
  }
  upstream::UpstreamResult grown(const std::string& cache_control) {
    upstream::UpstreamResult result = http_answer(cache_control, {});
    result->streamed = true;
    return result;
  }
  void append(const std::string& piece) {
    boost::asio::co_spawn(
        context,
        [stream = upstream.requests.front().stream, piece]() -> boost::asio::awaitable<void> {
          (void)co_await stream->append(piece);
        },
        boost::asio::detached);
    run();
  }
  void finish(const std::string& cache_control) {
    respond([&] { return grown(cache_control); });
    helpers.restart();
    helpers.poll();
    run();
  }

  static constexpr int clients = 20;
  FetchResult first;
  std::vector<Answer> others;
};

TEST_F(HttpFlightsTest, WhatMayBeStoredGrowsForAllOfThem) {
  ask_together();
  begin("max-age=60");
  append("hello ");
  const Answer late = join_http(http_request("/a"));
  append("world");
  finish("max-age=60");
  EXPECT_EQ(upstream.requests.size(), 1U);
  others.push_back(late);
  for (const Answer& other : others) {
    ASSERT_TRUE(*other);
    EXPECT_TRUE((*other)->collapsed);
    const Read read = read_all((*other)->content);
    ASSERT_TRUE(read.head);
    EXPECT_EQ(read.content, "hello world");
    EXPECT_FALSE(read.end->error);
  }
  EXPECT_EQ(read_all(first.content).content, "hello world");
  const auto stored = store.find(http_request("/a").key, clock.wall_now());
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ(*(*stored)->body, "hello world");
}

TEST_F(HttpFlightsTest, WhatMayNotBeStoredReachesNobodyElseAndNobodyWaitsInLine) {
  for (const char* const control : {"no-store", "private"}) {
    upstream.requests.clear();
    others.clear();
    const std::string target = std::string("/") + control;
    ask_together(target);
    begin(control);
    EXPECT_EQ(upstream.requests.size(), static_cast<std::size_t>(clients))
        << "all at once, as the head is known";
    for (const Answer& other : others) {
      ASSERT_TRUE(*other);
      EXPECT_FALSE((*other)->collapsed);
      EXPECT_TRUE((*other)->at_end);
    }
    finish(control);
    clock.advance(30s);
    upstream.requests.clear();
    const Answer one = join_http(http_request(target));
    const Answer two = join_http(http_request(target));
    EXPECT_EQ(upstream.requests.size(), 2U) << "a target that was lately so has no queue";
    respond([&] { return http_answer("max-age=60"); });
    upstream.requests.clear();
    const Answer three = join_http(http_request(target));
    const Answer four = join_http(http_request(target));
    EXPECT_EQ(upstream.requests.size(), 1U) << "until its answer may be stored";
    respond([&] { return http_answer("no-store"); });
    respond([&] { return http_answer("no-store"); });
  }
}

TEST_F(HttpFlightsTest, AnAnswerThatHasNoPiecesIsLookedForInTheStore) {
  ask_together();
  respond([&] { return http_answer("max-age=60"); });
  EXPECT_EQ(upstream.requests.size(), 1U);
  for (const Answer& other : others) {
    ASSERT_TRUE(*other);
    EXPECT_TRUE((*other)->look_again);
    EXPECT_TRUE((*other)->collapsed);
  }
  const Read read = read_all(first.content);
  EXPECT_FALSE(read.head);
  ASSERT_TRUE(first.at_end->outcome);
  EXPECT_TRUE(first.at_end->outcome->stored());
}

TEST_F(HttpFlightsTest, AnErrorStatusReachesNobodyElse) {
  ask_together();
  respond([&] { return http_answer("", "broken", 500); });
  EXPECT_EQ(upstream.requests.size(), static_cast<std::size_t>(clients));
  for (const Answer& other : others) EXPECT_FALSE((*other)->outcome);
  respond([&] { return http_answer("", "broken", 500); });
}

TEST_F(HttpFlightsTest, AFailureToGetAnAnswerIsShared) {
  ask_together();
  respond(dead);
  EXPECT_EQ(upstream.requests.size(), 1U);
  for (const Answer& other : others) {
    ASSERT_TRUE(*other);
    EXPECT_TRUE((*other)->collapsed);
    EXPECT_EQ((*other)->outcome->failure->error.code, ErrorCode::upstream_unreachable);
  }
}

TEST_F(HttpFlightsTest, WhoWouldGetAnotherVariantGoesOnForItself) {
  FetchRequest mine = http_request("/a", {{"Accept-Language", "de"}});
  first = **join_http(mine);
  const Answer same = join_http(http_request("/a", {{"Accept-Language", "de"}}));
  const Answer other = join_http(http_request("/a", {{"Accept-Language", "fr"}}));
  begin("max-age=60", "Accept-Language");
  EXPECT_TRUE((*same)->collapsed);
  EXPECT_FALSE((*other)->collapsed);
  EXPECT_EQ(upstream.requests.size(), 2U);
  finish("max-age=60");
}

TEST_F(HttpFlightsTest, WhoWantsItFresherThanWhatComesGoesOnForItself) {
  first = **join_http(http_request("/a"));
  const Answer other = join_http(http_request("/a", {{"Cache-Control", "min-fresh=120"}}));
  begin("max-age=60");
  EXPECT_FALSE((*other)->collapsed);
  EXPECT_EQ(upstream.requests.size(), 2U);
  finish("max-age=60");
}

TEST_F(HttpFlightsTest, AFetchThatBreaksDownFailsEverybody) {
  ask_together();
  respond([]() -> upstream::UpstreamResult { throw std::runtime_error("a bug"); });
  for (const Answer& other : others) {
    ASSERT_TRUE(*other);
    EXPECT_EQ((*other)->outcome->failure->error.code, ErrorCode::internal);
  }
  EXPECT_TRUE(read_all(first.content).end);
  EXPECT_EQ(first.at_end->outcome->failure->error.code, ErrorCode::internal);
}

}  // namespace
}  // namespace roktcached::proxy
