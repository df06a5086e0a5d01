#include "server/proxy/fetch/fetch_table.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <tuple>

#include "core/caching/decision.h"
#include "core/caching/variants.h"
#include "server/run_on.h"
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

TEST_F(FetchTableTest, ACallerOnTheDesksThreadSetsOutAtOnce) {
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

TEST_F(FetchTableTest, ALargeAnswerIsPreparedWhileOthersAreServed) {
  const Answer large = join(request("large"));
  respond([] { return ok(std::string(worth_another_thread, 'x')); });
  EXPECT_FALSE(*large);
  const Answer another = join(request("another"));
  respond([] { return ok("short"); });
  EXPECT_TRUE(*another);
  helpers.poll();
  run();
  ASSERT_TRUE(*large);
  EXPECT_TRUE((*large)->outcome->response->gzip_body);
  EXPECT_NE(store.find(caching::Key("large"), clock.wall_now()).value(), nullptr);
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

TEST_F(FetchTableTest, AStoredValidatorIsSentAndA304KeepsTheBody) {
  const Answer first = join(request("a"));
  respond([] { return ok("body"); });
  FetchRequest again = request("a");
  again.stored = (*first)->outcome->response;
  clock.advance(2h);
  again.received_at = clock.steady_now();
  const Answer second = join(again);
  ASSERT_EQ(upstream.requests.size(), 2U);
  EXPECT_EQ(*upstream.requests.back().fields.find("If-None-Match"), "\"v1\"");
  respond([]() -> upstream::UpstreamResult {
    upstream::UpstreamResponse response;
    response.status = 304;
    return response;
  });
  const auto& outcome = *(*second)->outcome;
  EXPECT_TRUE(outcome.stored());
  EXPECT_EQ(outcome.upstream_status, 304U);
  EXPECT_EQ(outcome.response->status, 200U);
  EXPECT_EQ(outcome.response->body, again.stored->body);
  EXPECT_EQ(outcome.response->fetched_at, clock.wall_now());
}

TEST_F(FetchTableTest, TheGzipFormIsMadeOnceAndStaysWithTheBody) {
  const std::string body(5000, 'x');
  const Answer first = join(request("a"));
  respond([&] { return ok(body); });
  const auto stored = store.find(caching::Key("a"), clock.wall_now());
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ(*stored, (*first)->outcome->response);
  const auto gzip_body = (*stored)->gzip_body;
  ASSERT_TRUE(gzip_body);
  for (const unsigned status : {304U, 200U}) {
    FetchRequest again = request("a");
    again.stored = *stored;
    clock.advance(2h);
    again.received_at = clock.steady_now();
    const Answer second = join(again);
    respond([&] { return status == 200 ? ok(body) : answer_of({}, status); });
    ASSERT_TRUE(*second);
    EXPECT_EQ((*second)->outcome->response->gzip_body, gzip_body) << status;
  }
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

upstream::UpstreamResult bare_304() {
  upstream::UpstreamResponse response;
  response.status = 304;
  return response;
}

TEST_F(FetchTableTest, AFetchUnderWayWhenItIsPurgedIsNotStored) {
  const Answer first = join(request("a"));
  const Answer other = join(request("b"));
  clock.advance(1ms);
  const auto selection = caching::WithKey{caching::Key("a").hash()};
  EXPECT_EQ(fetches.purge({selection, caching::PurgeKind::hard}).value(), 0U);
  clock.advance(1ms);
  respond([] { return ok("old"); });
  ASSERT_TRUE(*first);
  EXPECT_EQ(*(*first)->outcome->response->body, report_of("old")) << "who asked before it is answered";
  EXPECT_EQ((*first)->outcome->storing, caching::Storing::purged);
  EXPECT_EQ(fetches.not_stored()[static_cast<std::size_t>(caching::Storing::purged)], 1U);
  EXPECT_EQ(store.find(caching::Key("a"), clock.wall_now()).value(), nullptr);
  EXPECT_NE(store.find(caching::Key("b"), clock.wall_now()).value(), nullptr);
}

TEST_F(FetchTableTest, WhoComesAfterAPurgeJoinsNoFlightFromBefore) {
  for (const auto kind : {caching::PurgeKind::hard, caching::PurgeKind::soft}) {
    upstream.requests.clear();
    const Answer before = join(request("a"));
    clock.advance(1ms);
    EXPECT_TRUE(fetches.purge({caching::Everything{}, kind}));
    clock.advance(1ms);
    const Answer after = join(request("a"));
    EXPECT_EQ(upstream.requests.size(), 2U);
    const Answer beside = join(request("a"));
    EXPECT_EQ(upstream.requests.size(), 2U) << "but shares the new one";
    respond([] { return ok("new"); });
    EXPECT_TRUE((*after)->outcome->stored());
    EXPECT_TRUE((*beside)->collapsed);
    clock.advance(2s);
  }
}

TEST_F(FetchTableTest, WhatWasLookedUpBeforeAHardPurgeIsNotRevalidated) {
  const Answer first = join(request("a"));
  respond([] { return ok("body"); });
  clock.advance(2h);
  FetchRequest again = request("a");
  again.stored = (*first)->outcome->response;
  clock.advance(1ms);
  EXPECT_EQ(fetches.purge({caching::Everything{}, caching::PurgeKind::hard}).value(), 1U);
  EXPECT_EQ(fetches.unless_removed(again.stored, again.received_at), nullptr);
  clock.advance(1ms);
  EXPECT_EQ(fetches.unless_removed(again.stored, clock.steady_now()), again.stored);
  const Answer second = join(again);
  ASSERT_EQ(upstream.requests.size(), 2U);
  EXPECT_FALSE(upstream.requests.back().fields.find("If-None-Match"));
  respond([] { return ok("new"); });
  EXPECT_EQ(*store.find(caching::Key("a"), clock.wall_now()).value()->body, report_of("new"));
}

TEST_F(FetchTableTest, ASoftPurgeLeavesARevalidationToCome) {
  const Answer first = join(request("a"));
  respond([] { return ok("body"); });
  clock.advance(1min);
  EXPECT_EQ(fetches.purge({caching::Everything{}, caching::PurgeKind::soft}).value(), 1U);
  clock.advance(1s);
  FetchRequest again = request("a");
  again.stored = store.find(caching::Key("a"), clock.wall_now()).value();
  EXPECT_FALSE(caching::is_fresh(*again.stored, clock.wall_now()));
  const Answer second = join(again);
  respond(bare_304);
  EXPECT_TRUE((*second)->outcome->stored());
  EXPECT_TRUE(caching::is_fresh(*store.find(caching::Key("a"), clock.wall_now()).value(), clock.wall_now()));
}

/// A report of a range that has just ended.
FetchRequest restating(FetchRequest fetch, const Clock& clock) {
  fetch.route_class = rokt::RouteClass::report;
  fetch.range_end = clock.wall_now() - 1h;
  return fetch;
}

TEST_F(FetchTableTest, ARefreshThatChangesARangeThatHadEndedIsARestatement) {
  FetchRequest first = restating(request("a"), clock);
  const Answer before = join(first);
  respond([] { return ok(R"({"revenue":1})"); });
  EXPECT_EQ((*before)->outcome->response->restated, nullptr);
  clock.advance(1h);
  FetchRequest second = first;
  second.stored = (*before)->outcome->response;
  second.received_at = clock.steady_now();
  const Answer after = join(second);
  respond([] { return ok(R"({"revenue":2})"); });
  const auto restated = (*after)->outcome->response->restated;
  ASSERT_NE(restated, nullptr);
  EXPECT_EQ(restated->times, 1U);
  EXPECT_EQ(restated->at, clock.wall_now());
  EXPECT_EQ(restated->moved, R"([{"field":"/revenue","before":1,"after":2}])");
  EXPECT_EQ(fetches.restatements(), 1U);

  clock.advance(2h);
  FetchRequest third = second;
  third.stored = (*after)->outcome->response;
  third.received_at = clock.steady_now();
  const Answer same = join(third);
  respond([] { return ok(R"({"revenue":2})"); });
  EXPECT_EQ((*same)->outcome->response->restated, restated) << "the history stays";
  EXPECT_EQ(fetches.restatements(), 1U);
}

TEST_F(FetchTableTest, WhatWasFetchedWhileItsRangeWasOpenMovesWithoutARestatement) {
  FetchRequest first = restating(request("a"), clock);
  first.range_end = clock.wall_now() + 1min;
  const Answer before = join(first);
  respond([] { return ok(R"({"revenue":1})"); });
  clock.advance(1h);
  FetchRequest second = first;
  second.stored = (*before)->outcome->response;
  second.received_at = clock.steady_now();
  const Answer after = join(second);
  respond([] { return ok(R"({"revenue":2})"); });
  EXPECT_EQ((*after)->outcome->response->restated, nullptr);
  EXPECT_EQ(fetches.restatements(), 0U);
}

/// A sign-in page, half a document and the like, of an upstream that says that all is well.
const std::vector<std::string> no_reports = {"<!DOCTYPE html><title>Sign in</title>",
                                             "",
                                             R"({"revenue":1)",
                                             "words",
                                             "null",
                                             "17",
                                             R"("text")",
                                             R"({"revenue":1},)"};

TEST_F(FetchTableTest, NothingThatIsNoJsonIsStoredOrReplacesWhatIs) {
  FetchRequest first = restating(request("a"), clock);
  const Answer good = join(first);
  respond([] { return ok(R"({"revenue":1})"); });
  const auto stored = (*good)->outcome->response;
  EXPECT_EQ(stored->range_end, first.range_end);
  clock.advance(1h);
  for (const std::string& body : no_reports) {
    FetchRequest again = first;
    again.stored = stored;
    again.received_at = clock.steady_now();
    const Answer leader = join(again);
    const Answer follower = join(again);
    respond([&] { return answer_of(body); });
    for (const Answer& answer : {leader, follower}) {
      const FetchOutcome& outcome = *(*answer)->outcome;
      EXPECT_EQ(outcome.kind, AnswerKind::not_json) << body;
      EXPECT_FALSE(outcome.stored());
      EXPECT_FALSE(outcome.restates);
      EXPECT_TRUE(gives_way(outcome));
      EXPECT_EQ(*outcome.response->body, body);
      EXPECT_FALSE(outcome.response->range_end);
    }
    EXPECT_EQ(store.find(caching::Key("a"), clock.wall_now()).value(), stored) << body;
    clock.advance(2s);
    const Answer other = join(restating(request("none"), clock));
    respond([&] { return answer_of(body); });
    EXPECT_EQ(*(*other)->outcome->response->body, body) << "nothing better is there";
    EXPECT_EQ(store.find(caching::Key("none"), clock.wall_now()).value(), nullptr) << body;
  }
  EXPECT_EQ(fetches.restatements(), 0U);
}

TEST_F(FetchTableTest, OtherSuccessesAndRedirectsGiveWayAndRefusalsDoNot) {
  const std::vector<std::tuple<unsigned, std::string, AnswerKind, bool>> answers = {
      {200, "{}", AnswerKind::report, false},      {202, "{}", AnswerKind::other, true},
      {203, "{}", AnswerKind::other, true},        {204, "", AnswerKind::not_json, true},
      {206, "{\"a\"", AnswerKind::not_json, true}, {302, "{}", AnswerKind::other, true},
      {400, "{}", AnswerKind::other, false},       {401, "{}", AnswerKind::other, false},
      {403, "<html>", AnswerKind::other, false},   {404, "<html>", AnswerKind::gateway_page, true},
      {429, "{}", AnswerKind::other, true},        {503, "{}", AnswerKind::other, true}};
  for (const auto& [status, body, kind, way] : answers) {
    const Answer answer = join(restating(request(std::to_string(status)), clock));
    respond([&, body = body, status = status] { return answer_of(body, status); });
    const FetchOutcome& outcome = *(*answer)->outcome;
    EXPECT_EQ(outcome.kind, kind) << status;
    EXPECT_EQ(gives_way(outcome), way) << status;
    EXPECT_EQ(outcome.stored(), status == 200 || status == 400 || status == 404) << status;
    EXPECT_EQ(outcome.response->range_end.has_value(), status == 200) << status;
  }
}

TEST_F(FetchTableTest, ARefreshBehindThatBringsNoJsonIsAFailedOne) {
  const Answer good = join(request("a"));
  respond([] { return ok("body"); });
  clock.advance(2h);
  fetches.refresh_behind(request("a"));
  run();
  respond([] { return answer_of("<html>"); });
  clock.advance(500ms);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 2U) << "not right after the last";
  EXPECT_EQ(store.find(caching::Key("a"), clock.wall_now()).value(), (*good)->outcome->response);
}

TEST_F(FetchTableTest, AnInvalidationEndsAnIndexThatWasMadeInTheSameMillisecond) {
  const caching::Key target = caching::http_key("default", "/a");
  caching::VariantIndex index(clock.wall_now());
  index.add({"x-a"});
  store.put(index.to_stored(target, "mirror"));
  FetchRequest put = request("a");
  put.key = target;
  auto http = std::make_shared<HttpFetch>();
  http->target = target;
  http->method = "PUT";
  http->credentials = {"default"};
  put.upstream.target = "/a";
  put.http = std::move(http);
  const Answer answer = join(put);
  respond([] { return ok("done"); });
  ASSERT_TRUE(*answer);
  const auto after = store.find(target, clock.wall_now()).value();
  ASSERT_TRUE(after && caching::VariantIndex::is_index(*after));
  EXPECT_NE(caching::VariantIndex(*after).key_for(target, {"x-a"}, {}), index.key_for(target, {"x-a"}, {}));
}

TEST_F(FetchTableTest, AnInvalidationEndsAnIndexAlsoWhereTheClockWasSetBackToJustBeforeIt) {
  const caching::Key target = caching::http_key("default", "/a");
  const auto ask = [&](const std::string& method) {
    FetchRequest fetch = request("a");
    fetch.key = target;
    auto http = std::make_shared<HttpFetch>();
    http->target = target;
    http->method = method;
    http->credentials = {"default"};
    fetch.upstream.target = "/a";
    fetch.http = std::move(http);
    return join(std::move(fetch));
  };
  const Answer got = ask("GET");
  respond([] {
    upstream::UpstreamResult varying = ok("varies");
    varying->fields.add("Vary", "X-A");
    varying->fields.add("Cache-Control", "max-age=60");
    return varying;
  });
  const auto before = store.find(target, clock.wall_now()).value();
  ASSERT_TRUE(before && caching::VariantIndex::is_index(*before));
  clock.advance(2s);  // of what is under way together nothing is shared here
  clock.wall = before->fetched_at - 1ms;
  const Answer written = ask("PUT");
  respond([] { return ok("done"); });
  ASSERT_TRUE(*written);
  const auto after = store.find(target, clock.wall_now()).value();
  ASSERT_TRUE(after && caching::VariantIndex::is_index(*after));
  EXPECT_NE(after->fetched_at, before->fetched_at);
}

/// It would be looked for in vain.
TEST_F(FetchTableTest, WhoWaitsForWhatTheStoreGivesUpIsHandedIt) {
  const std::string large(2 << 20, 'a');
  const Answer first = join(request("a"));
  const Answer other = join(request("a"));
  respond([&] { return ok(large); });
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
