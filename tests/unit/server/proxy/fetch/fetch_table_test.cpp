#include "server/proxy/fetch/fetch_table.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <stdexcept>

#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

TEST_F(FetchTableTest, ManyRequestsForOneKeyAreOneFetch) {
  std::vector<Answer> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(join(request("a")));
  EXPECT_EQ(upstream.requests.size(), 1U);
  respond([] { return ok("body"); });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(*answers[i]);
    EXPECT_EQ((*answers[i])->outcome, (*answers[0])->outcome);
    EXPECT_EQ((*answers[i])->collapsed, i > 0);
  }
  EXPECT_EQ(fetches.collapsed(), 99U);
  const auto stored = store.find(caching::Key("a"), clock.wall_now());
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ(*(*stored)->body, report_of("body"));
}

TEST_F(FetchTableTest, ACallerOnTheUpstreamThreadIsSentAtOnce) {
  std::optional<FetchResult> result;
  bool set_out = false;
  boost::asio::post(context, [&] {
    boost::asio::co_spawn(
        context, fetches.join(std::make_unique<FetchRequest>(request("a")), ticket()),
        [&](const std::exception_ptr&, FetchResult finished) { result = std::move(finished); });
    set_out = upstream.requests.size() == 1;
  });
  run();
  EXPECT_TRUE(set_out);
  respond([] { return ok("body"); });
  ASSERT_TRUE(result);
  EXPECT_EQ(*result->outcome->response->body, report_of("body"));
}

TEST_F(FetchTableTest, ACallerIsAnsweredBeforeAnythingIsLearnedFromItsFetch) {
  std::optional<FetchResult> result;
  std::vector<bool> answered;
  fetches.when_asked(
      [&](const caching::Key&, const caching::Ask&) { answered.push_back(result.has_value()); });
  boost::asio::post(context, [&] {
    auto fetch = std::make_unique<FetchRequest>(request("a"));
    fetch->route_class = rokt::RouteClass::report;
    boost::asio::co_spawn(
        context, fetches.join(std::move(fetch), ticket()),
        [&](const std::exception_ptr&, FetchResult finished) { result = std::move(finished); });
  });
  run();
  respond([] { return ok("body"); });
  EXPECT_EQ(answered, std::vector{true});
}

TEST_F(FetchTableTest, ACallerOnAnotherThreadIsAnsweredThere) {
  boost::asio::io_context hits{1};
  std::optional<FetchResult> result;
  boost::asio::co_spawn(
      hits, fetches.join(std::make_unique<FetchRequest>(request("a")), ticket()),
      [&](const std::exception_ptr&, FetchResult finished) { result = std::move(finished); });
  hits.poll();
  EXPECT_TRUE(upstream.requests.empty()) << "the table is the upstream thread's";
  run();
  EXPECT_EQ(upstream.requests.size(), 1U);
  respond([] { return ok("body"); });
  EXPECT_FALSE(result);
  hits.poll();
  ASSERT_TRUE(result);
  EXPECT_EQ(*result->outcome->response->body, report_of("body"));
}

TEST_F(FetchTableTest, AFetchThatBreaksDownFailsEverybodyWhoWaitsForIt) {
  const Answer first = join(request("a"));
  const Answer second = join(request("a"));
  respond([]() -> upstream::UpstreamResult { throw std::runtime_error("a bug"); });
  for (const Answer& answer : {first, second}) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->outcome->failure->error.code, ErrorCode::internal);
  }
  clock.advance(1ms);
  const Answer third = join(request("a"));
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("x"); });
  EXPECT_TRUE((*third)->outcome->response);
}

TEST_F(FetchTableTest, DifferentKeysAreDifferentFetches) {
  const Answer a = join(request("a"));
  const Answer b = join(request("b"));
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("x"); });
}

TEST_F(FetchTableTest, AFailureFailsEverybodyWhoWasThereOnce) {
  const FetchRequest late = request("a");
  const Answer first = join(request("a"));
  clock.advance(10ms);
  respond(dead);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->outcome->failure->error.code, ErrorCode::upstream_unreachable);
  // Received before the failure, at the table after it: no second stampede.
  const Answer second = join(late);
  ASSERT_TRUE(*second);
  EXPECT_TRUE((*second)->collapsed);
  EXPECT_EQ(upstream.requests.size(), 1U);
  // Received after the failure: tries again.
  clock.advance(1ms);
  const Answer third = join(request("a"));
  EXPECT_FALSE(*third);
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("x"); });
}

TEST_F(FetchTableTest, AnOutcomeIsForgottenAfterASecondThoughNobodyAsksForAnythingAnyMore) {
  std::weak_ptr<const FetchOutcome> outcome;
  {
    const Answer answer = join(request("a"));
    respond(dead);
    ASSERT_TRUE(*answer);
    outcome = (*answer)->outcome;
  }
  upstream.requests.clear();  // each holds the fetch that it is for
  clock.advance(1s);
  fetches.forget_finished();
  EXPECT_FALSE(outcome.expired()) << "for those who were there, and come late";
  clock.advance(1ms);
  fetches.forget_finished();
  EXPECT_TRUE(outcome.expired());
}

TEST_F(FetchTableTest, ATimerThatForgetsDoesNotKeepTheThreadAtTheEnd) {
  const Answer answer = join(request("a"));
  respond(dead);
  run();
  EXPECT_FALSE(context.stopped()) << "a timer runs";
  fetches.stop();
  run();
  EXPECT_TRUE(context.stopped());
  const Answer late = join(request("b"));
  respond(dead);
  run();
  ASSERT_TRUE(*late);
  EXPECT_TRUE(context.stopped());
}

TEST_F(FetchTableTest, ARefreshBehindHappensOnceAndNotRightAfterAFailure) {
  fetches.refresh_behind(request("a"));
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 1U);
  clock.advance(1ms);
  respond(dead);
  clock.advance(500ms);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 1U);
  clock.advance(1s);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("x"); });
}

/// It would be looked for in vain.
TEST_F(FetchTableTest, WhoWaitsForWhatTheStoreGivesUpIsHandedIt) {
  const std::string large(2 << 20, 'a');
  const Answer first = join(request("a"));
  const Answer other = join(request("a"));
  respond([&] { return ok(large); });
  helpers.poll();
  run();
  for (const Answer& answer : {first, other}) {
    ASSERT_TRUE(*answer);
    EXPECT_FALSE((*answer)->look_again);
    EXPECT_EQ((*answer)->outcome->storing, caching::Storing::too_large_for_cache);
    EXPECT_EQ(*(*answer)->outcome->response->body, report_of(large));
  }
  EXPECT_TRUE((*other)->collapsed);
}

TEST_F(FetchTableTest, NoStoreIsNotStoredAndA304ToNothingIsAFailure) {
  FetchRequest secret = request("a");
  secret.may_store = false;
  const Answer first = join(secret);
  respond([] { return ok("body"); });
  EXPECT_FALSE((*first)->outcome->stored());
  EXPECT_FALSE(*store.find(caching::Key("a"), clock.wall_now()));
  const Answer second = join(request("b"));
  respond([]() -> upstream::UpstreamResult {
    upstream::UpstreamResponse response;
    response.status = 304;
    return response;
  });
  EXPECT_EQ((*second)->outcome->failure->error.code, ErrorCode::upstream_invalid_response);
}

}  // namespace
}  // namespace roktcached::proxy
