#include "server/proxy/warming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/proxy/target_request.h"
#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

using testing::HasSubstr;

class WarmingTest : public ProxyFixture {
 protected:
  WarmingTest() { upstream.is_idle = true; }

  Warmed warm(const std::string& target) {
    const Warming warming(fetches, upstream, store, context.get_executor(), context.get_executor(), clock,
                          0ms);
    const RuntimePtr in_force = std::make_shared<const Runtime>(two_credentials(), nullptr, 1);
    std::optional<Warmed> ended;
    const auto request = read_target_request(*in_force, target, "", {clock.wall_now()}).value();
    boost::asio::co_spawn(context, warming.warm(in_force, request.cache_request),
                          [&](const std::exception_ptr& failure, Warmed warmed) {
                            EXPECT_FALSE(failure);
                            ended = std::move(warmed);
                          });
    context.restart();
    while (!ended && context.run_one() > 0) {
    }
    return std::move(ended.value());
  }
  std::size_t calls() const { return upstream.requests.size(); }
};

TEST_F(WarmingTest, WhatIsNotInTheCacheIsFetchedBehindEverybody) {
  EXPECT_EQ(warm(report()).warmth, Warmth::fetched);
  ASSERT_EQ(calls(), 1U);
  EXPECT_EQ(upstream.requests.front().priority, upstream::Priority::refresh_ahead);
  EXPECT_EQ(upstream.requests.front().client, "");
  EXPECT_THAT(told(ask(report())), HasSubstr("hit"));
  EXPECT_EQ(calls(), 1U);
}

TEST_F(WarmingTest, WhatIsFreshCostsNothing) {
  ask(report());
  EXPECT_EQ(warm(report()).warmth, Warmth::fresh);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(WarmingTest, WhatIsStaleIsAskedAboutAgain) {
  upstream.answer = [](const upstream::UpstreamRequest& request) {
    return request.fields.contains("If-None-Match") ? upstream_answer(304, "")
                                                    : upstream_answer(200, R"({"a":1})", {{"ETag", "\"1\""}});
  };
  ask(report());
  clock.advance(std::chrono::days{8});
  EXPECT_EQ(warm(report()).warmth, Warmth::confirmed);
  EXPECT_EQ(calls(), 2U);
}

TEST_F(WarmingTest, AnUpstreamWithSomethingBetterToDoIsNotAsked) {
  upstream.is_idle = false;
  EXPECT_EQ(warm(report()).warmth, Warmth::busy);
  EXPECT_EQ(calls(), 0U);
}

TEST_F(WarmingTest, WhatTheUpstreamSaysInsteadIsTold) {
  const auto answers = [&](unsigned status, const std::string& body) {
    upstream.answer = [=](const upstream::UpstreamRequest&) { return upstream_answer(status, body); };
    clock.advance(1h);
    return warm(report());
  };
  EXPECT_EQ(answers(429, "").warmth, Warmth::busy);
  EXPECT_EQ(answers(503, "").detail, "the upstream answered 503");
  EXPECT_EQ(answers(404, "{}").warmth, Warmth::failed);
  const Warmed page = answers(200, "<html>");
  EXPECT_EQ(page.warmth, Warmth::not_stored);
  EXPECT_EQ(page.detail, "not-json");
  upstream.answer = [](const auto&) { return upstream_failure(ErrorCode::upstream_unreachable); };
  clock.advance(1h);
  EXPECT_EQ(warm(report()).warmth, Warmth::failed);
  upstream.answer = [](const auto&) { return upstream_failure(ErrorCode::upstream_budget_exhausted); };
  clock.advance(1h);
  const Warmed spent = warm(report());
  EXPECT_EQ(spent.warmth, Warmth::busy);
  EXPECT_EQ(spent.retry_after, 3s);
  for (const ErrorCode gave_way : {ErrorCode::overloaded, ErrorCode::client_gone}) {
    upstream.answer = [=](const auto&) { return upstream_failure(gave_way); };
    clock.advance(1h);
    EXPECT_EQ(warm(report()).warmth, Warmth::busy) << static_cast<int>(gave_way);
  }
}

}  // namespace
}  // namespace roktcached::proxy
