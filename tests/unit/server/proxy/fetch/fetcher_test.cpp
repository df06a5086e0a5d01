#include "server/proxy/fetch/fetcher.h"

#include <gtest/gtest.h>

#include <tuple>

#include "server/worker_pool.h"
#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

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

  clock.advance(4h);
  FetchRequest fourth = third;
  fourth.stored = (*same)->outcome->response;
  fourth.received_at = clock.steady_now();
  const Answer again = join(fourth);
  respond([] { return ok(R"({"revenue":3})"); });
  ASSERT_NE((*again)->outcome->response->restated, nullptr);
  EXPECT_EQ((*again)->outcome->response->restated->times, 2U);
  EXPECT_EQ(fetches.restatements(), 2U);
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

}  // namespace
}  // namespace roktcached::proxy
