#include <gmock/gmock.h>

#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

using testing::HasSubstr;

class ReportRequestTest : public ProxyFixture {
 protected:
  void upstream_says(unsigned status, const std::string& body, const std::vector<http::Field>& fields = {}) {
    upstream.answer = [=](const upstream::UpstreamRequest&) { return upstream_answer(status, body, fields); };
  }
  void upstream_fails(ErrorCode code) {
    upstream.answer = [=](const upstream::UpstreamRequest&) { return upstream_failure(code); };
  }
};

TEST_F(ReportRequestTest, AMissIsFetchedOnceAndIsAHitFromThenOn) {
  auto miss = ask(report());
  EXPECT_EQ(miss.status, 200U);
  EXPECT_EQ(content_of(miss), R"({"a":1})");
  EXPECT_EQ(told(miss), "roktcached; fwd=miss; stored; ttl=604800");
  EXPECT_EQ(miss.notes.outcome, http::CacheOutcome::miss);
  EXPECT_TRUE(miss.notes.upstream);
  clock.advance(5s);
  auto hit = ask(report());
  EXPECT_EQ(content_of(hit), R"({"a":1})");
  EXPECT_EQ(told(hit), "roktcached; hit; ttl=604795");
  EXPECT_EQ(http::value_in_lines(hit.head, "Age"), "5");
  EXPECT_EQ(http::value_in_lines(hit.head, "Report-State"), "settled");
  EXPECT_EQ(hit.notes.outcome, http::CacheOutcome::hit);
  EXPECT_FALSE(hit.notes.upstream);
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(ReportRequestTest, OnlyTheKeyAndTheTraceGoUpstream) {
  ask(report("9"), {{"Cookie", "a=b"},
                    {"User-Agent", "curl"},
                    {"Accept-Language", "de"},
                    {"Authorization", "Bearer other"},
                    {"rokt-version", "alpha"},
                    {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                    {"Via", "1.1 elsewhere, 1.1 roktcached-0a1b"}});
  ASSERT_EQ(upstream.requests.size(), 1U);
  const upstream::UpstreamRequest& sent = upstream.requests[0];
  EXPECT_EQ(sent.fields.to_lines(),
            "rokt-version: alpha\r\n"
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
            "Via: 1.1 roktcached-0a1b\r\n");
  EXPECT_EQ(sent.method, "GET");
  EXPECT_EQ(sent.target, report("9"));
  EXPECT_EQ(sent.credential, 0U);
  EXPECT_TRUE(sent.inject_token);
  EXPECT_TRUE(sent.takes_large);
  EXPECT_EQ(sent.client, "client");
  EXPECT_EQ(sent.route, "account-summary");
  EXPECT_EQ(sent.reason, counters::Reason::miss);
  ask(report("8"));
  EXPECT_EQ(upstream.requests[1].credential, 1U);
  EXPECT_TRUE(upstream.requests[1].fields.empty());
}

TEST_F(ReportRequestTest, WhatIsNoTraceStaysHere) {
  for (const char* const trace : {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                  "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                  "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                  "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", "x", ""}) {
    upstream.requests.clear();
    ask(metadata(), {{"traceparent", trace}, {"Cache-Control", "no-store"}});
    ASSERT_EQ(upstream.requests.size(), 1U);
    EXPECT_TRUE(upstream.requests[0].fields.empty()) << trace;
    clock.advance(1h);
  }
}

TEST_F(ReportRequestTest, EachVersionAndEachCredentialIsAnotherReport) {
  ask(report());
  ask(report(), {{"rokt-version", "alpha"}});
  ask(report("9"));
  EXPECT_EQ(upstream.requests.size(), 3U);
  ask(report());
  ask(report(), {{"rokt-version", "alpha"}});
  ask(report("9"));
  EXPECT_EQ(upstream.requests.size(), 3U);
}

TEST_F(ReportRequestTest, ABadRequestAsksNobody) {
  EXPECT_EQ(ask(report("1", "&currency=USD")).status, 400U);
  EXPECT_EQ(ask(report(), {{"rokt-version", "a b"}}).status, 400U);
  EXPECT_EQ(ask("/nothing").status, 404U);
  const auto wrong_method = ask(report(), {}, "DELETE");
  EXPECT_EQ(wrong_method.status, 405U);
  EXPECT_EQ(http::value_in_lines(wrong_method.head, "Allow"), "GET, HEAD");
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(ReportRequestTest, OptionsThatGoNoFurtherAreAnsweredHere) {
  const auto options = ask(report(), {{"Max-Forwards", "0"}}, "OPTIONS");
  EXPECT_EQ(options.status, 204U);
  EXPECT_EQ(http::value_in_lines(options.head, "Allow"), "GET, HEAD");
  EXPECT_EQ(ask(report(), {}, "OPTIONS").status, 405U);
  EXPECT_EQ(ask(report(), {{"Max-Forwards", "1"}}, "OPTIONS").status, 405U);
  EXPECT_EQ(ask("/nothing", {{"Max-Forwards", "0"}}, "OPTIONS").status, 404U);
}

TEST_F(ReportRequestTest, AStaleAnswerIsServedAndRefreshedBehindItOnce) {
  ask(metadata());
  upstream_says(200, R"({"a":2})");
  clock.advance(1h + 1s);
  auto stale = ask(metadata());
  EXPECT_EQ(content_of(stale), R"({"a":1})");
  EXPECT_EQ(told(stale), "roktcached; hit; ttl=-1");
  EXPECT_EQ(stale.notes.outcome, http::CacheOutcome::refreshing_hit);
  ASSERT_EQ(upstream.requests.size(), 2U);
  EXPECT_EQ(upstream.requests[1].reason, counters::Reason::revalidation);
  EXPECT_EQ(upstream.requests[1].priority, upstream::Priority::revalidation);
  auto refreshed = ask(metadata());
  EXPECT_EQ(content_of(refreshed), R"({"a":2})");
  EXPECT_EQ(upstream.requests.size(), 2U);
}

TEST_F(ReportRequestTest, BeyondStaleWhileRevalidateItIsFetched) {
  ask(metadata());
  upstream_says(200, R"({"a":2})");
  clock.advance(1h + 10min);
  auto fetched = ask(metadata());
  EXPECT_EQ(content_of(fetched), R"({"a":2})");
  EXPECT_EQ(told(fetched), "roktcached; fwd=stale; stored; ttl=3600");
  EXPECT_EQ(upstream.requests[1].reason, counters::Reason::stale);
}

TEST_F(ReportRequestTest, A304LetsWhatIsStoredLiveOn) {
  upstream_says(200, R"({"a":1})", {{"ETag", "\"v1\""}});
  ask(metadata());
  upstream_says(304, "", {{"ETag", "\"v1\""}});
  clock.advance(2h);
  auto confirmed = ask(metadata());
  EXPECT_EQ(upstream.requests[1].fields.to_lines(), "If-None-Match: \"v1\"\r\n");
  EXPECT_TRUE(upstream.requests[1].has_worked);
  EXPECT_EQ(confirmed.status, 200U);
  EXPECT_EQ(content_of(confirmed), R"({"a":1})");
  EXPECT_EQ(told(confirmed), "roktcached; fwd=stale; fwd-status=304; stored; ttl=3600");
  EXPECT_EQ(confirmed.notes.outcome, http::CacheOutcome::revalidated);
}

/// The old numbers may stand in for a while; they are not confirmed.
TEST_F(ReportRequestTest, A304WithAnotherTagConfirmsNothing) {
  upstream_says(200, R"({"a":1})", {{"ETag", "\"v1\""}});
  ask(metadata());
  upstream_says(304, "", {{"ETag", "\"v2\""}});
  clock.advance(2h);
  auto stand_in = ask(metadata());
  EXPECT_EQ(told(stand_in), "roktcached; fwd=stale; detail=stale-if-error");
  EXPECT_EQ(stand_in.notes.outcome, http::CacheOutcome::stale_if_error);
  clock.advance(1s);
  ask(metadata());
  EXPECT_EQ(upstream.requests.size(), 3U) << "it is as stale as before";
}

TEST_F(ReportRequestTest, WhatIsStoredStandsInForAnError) {
  ask(metadata());
  clock.advance(2h);
  upstream_says(503, "busy");
  auto for_status = ask(metadata());
  EXPECT_EQ(for_status.status, 200U);
  EXPECT_EQ(content_of(for_status), R"({"a":1})");
  EXPECT_EQ(told(for_status), "roktcached; fwd=stale; fwd-status=503; detail=stale-if-error");
  EXPECT_EQ(http::value_in_lines(for_status.head, "Age"), "7200");
  clock.advance(1s);
  upstream_fails(ErrorCode::upstream_unreachable);
  const auto for_failure = ask(metadata());
  EXPECT_EQ(told(for_failure), "roktcached; fwd=stale; detail=stale-if-error");
  clock.advance(1s);
  upstream_says(403, R"({"message":"no"})");
  EXPECT_EQ(ask(metadata()).status, 403U) << "a refusal is meant";
  clock.advance(7 * 24h);
  upstream_fails(ErrorCode::upstream_unreachable);
  const auto too_old = ask(metadata());
  EXPECT_EQ(too_old.status, 502U);
  EXPECT_EQ(told(too_old), "roktcached; fwd=miss");
  EXPECT_EQ(http::value_in_lines(too_old.head, "Retry-After"), "3");
  EXPECT_EQ(too_old.notes.outcome, http::CacheOutcome::failed);
}

TEST_F(ReportRequestTest, AnErrorWithNothingStoredIsPassedOn) {
  upstream_says(503, "busy", {{"Retry-After", "7"}});
  auto error = ask(metadata());
  EXPECT_EQ(error.status, 503U);
  EXPECT_EQ(content_of(error), "busy");
  EXPECT_EQ(told(error), "roktcached; fwd=miss; detail=status");
  clock.advance(1s);
  ask(metadata());
  EXPECT_EQ(upstream.requests.size(), 2U) << "nor is it stored";
}

TEST_F(ReportRequestTest, WhatIsNoJsonIsPassedOnAndNeverStored) {
  upstream_says(200, "<html>sign in</html>");
  const auto page = ask(metadata());
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(told(page), "roktcached; fwd=miss; detail=not-json");
  EXPECT_EQ(page.notes.outcome, http::CacheOutcome::not_json);
  clock.advance(1s);
  ask(metadata());
  EXPECT_EQ(upstream.requests.size(), 2U);
}

TEST_F(ReportRequestTest, WhyItIsNotStoredStandsInTheNotesAlsoWhereAnotherAnswerIsGiven) {
  EXPECT_EQ(ask(metadata()).notes.not_stored, "") << "it is";
  EXPECT_EQ(ask(metadata()).notes.not_stored, "") << "nothing was fetched";
  clock.advance(2h);
  upstream_says(200, "<html>sign in</html>");
  const auto stood_in = ask(metadata());
  EXPECT_EQ(told(stood_in), "roktcached; fwd=stale; fwd-status=200; detail=stale-if-error");
  EXPECT_EQ(stood_in.notes.not_stored, "not-json");
  clock.advance(1s);
  upstream_says(404, R"({"message":"none"})");
  EXPECT_EQ(told(ask(metadata())), "roktcached; fwd=stale; detail=better-kept");
  clock.advance(1s);
  upstream_fails(ErrorCode::upstream_timeout);
  EXPECT_EQ(ask(metadata()).notes.not_stored, "no-answer");
}

/// Neither tier takes it, so nothing is said to be stored; and each who waits gets it all the same.
TEST_F(ReportRequestTest, WhatTheStoreGivesUpIsNotSaidToBeStored) {
  upstream_says(200, "[\"" + std::string(2 << 20, 'a') + "\"]");
  const auto answer = ask(metadata());
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(told(answer), "roktcached; fwd=miss; detail=too-large-for-cache");
  EXPECT_EQ(answer.notes.not_stored, "too-large-for-cache");
  EXPECT_EQ(fetches.not_stored()[static_cast<std::size_t>(caching::Storing::too_large_for_cache)], 1U);
}

TEST_F(ReportRequestTest, ARefusalIsRememberedForAMinute) {
  upstream_says(404, R"({"message":"none"})");
  EXPECT_EQ(ask(metadata()).status, 404U);
  clock.advance(59s);
  EXPECT_EQ(ask(metadata()).status, 404U);
  EXPECT_EQ(upstream.requests.size(), 1U);
  clock.advance(1s);
  EXPECT_EQ(ask(metadata()).status, 404U);
  EXPECT_EQ(upstream.requests.size(), 2U);
}

TEST_F(ReportRequestTest, OnlyIfCachedAsksNobody) {
  const auto refused = ask(metadata(), {{"Cache-Control", "only-if-cached"}});
  EXPECT_EQ(refused.status, 504U);
  EXPECT_EQ(refused.notes.outcome, http::CacheOutcome::refused);
  EXPECT_TRUE(upstream.requests.empty());
  ask(metadata());
  EXPECT_EQ(ask(metadata(), {{"Cache-Control", "only-if-cached"}}).status, 200U);
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(ReportRequestTest, NoStoreStoresNothing) {
  EXPECT_EQ(told(ask(metadata(), {{"Cache-Control", "no-store"}})),
            "roktcached; fwd=miss; detail=request-no-store");
  clock.advance(1s);
  EXPECT_EQ(told(ask(metadata())), "roktcached; fwd=miss; stored; ttl=3600");
  EXPECT_EQ(upstream.requests.size(), 2U);
}

TEST_F(ReportRequestTest, NoCacheFetchesAnewButNotTooOften) {
  ask(metadata());
  clock.advance(9s);
  EXPECT_THAT(told(ask(metadata(), {{"Cache-Control", "no-cache"}})), HasSubstr("; hit;"));
  clock.advance(1s);
  EXPECT_EQ(told(ask(metadata(), {{"Cache-Control", "no-cache"}})),
            "roktcached; fwd=request; stored; ttl=3600");
  ASSERT_EQ(upstream.requests.size(), 2U);
  EXPECT_EQ(upstream.requests[1].reason, counters::Reason::forced);
}

/// The other instances of a fleet, of whom none has anything.
class NobodyElse final : public SharedFetches {
 public:
  boost::asio::awaitable<Joined> join(const FetchRequest& request, upstream::Turn&) override {
    takes_stored.push_back(request.takes_stored);
    co_return Joined{};
  }
  std::vector<bool> takes_stored;
};

/// What another has stored may be older than the client wants it.
TEST_F(ReportRequestTest, WhatAnotherInstanceHasStoredIsForWhoSetsNoBoundToItsAge) {
  NobodyElse others;
  FetchTable shared{
      context.get_executor(), context.get_executor(), upstream, store, bodies, 1 << 20, clock, &others};
  Services of_fleet{store, disk, shared, upstream, context.get_executor(), bodies, clock, conversions, zones};
  ProxyHandler handler{of_fleet, accounts, traffic};
  const std::vector<std::pair<std::string, bool>> cases = {
      {"max-stale=60", true}, {"no-cache", false}, {"max-age=60", false}, {"min-fresh=60", false}};
  int account = 0;  // nothing of which is stored
  for (const auto& [control, takes] : cases) {
    others.takes_stored.clear();
    http::Request request;
    request.method = "GET";
    request.target = metadata(std::to_string(++account));
    request.fields.add("Cache-Control", control);
    request.runtime = &runtime;
    request.received_at = clock.steady_now();
    http::Answer answer;
    ASSERT_FALSE(handler.answer_now(request, answer)) << control;
    boost::asio::co_spawn(context, handler.handle(request),
                          [](const std::exception_ptr& failure, const http::Answer& given) {
                            EXPECT_FALSE(failure);
                            EXPECT_EQ(given.status, 200U);
                          });
    run();
    EXPECT_EQ(others.takes_stored, std::vector<bool>{takes}) << control;
  }
}

TEST_F(ReportRequestTest, HeadIsAnsweredAsGetIs) {
  const auto miss = ask(metadata(), {}, "HEAD");
  EXPECT_EQ(miss.status, 200U);
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_EQ(upstream.requests[0].method, "GET");
  EXPECT_EQ(ask(metadata()).notes.outcome, http::CacheOutcome::hit);
}

TEST_F(ReportRequestTest, WhatWasPurgedDuringTheFetchStandsInForNothing) {
  ask(metadata());
  clock.advance(2h);
  upstream.answer = [this](const upstream::UpstreamRequest&) {
    EXPECT_TRUE(fetches.purge({caching::Everything{}, caching::PurgeKind::hard}));
    return upstream_failure(ErrorCode::upstream_timeout);
  };
  const auto failed = ask(metadata());
  EXPECT_EQ(failed.status, 504U);
  EXPECT_EQ(told(failed), "roktcached; fwd=stale");
}

TEST_F(ReportRequestTest, EachRequestIsCountedWithItsCallerAndItsOutcome) {
  ask(metadata());
  ask(metadata());
  ask("/nothing");
  const auto counted = accounts.read();
  ASSERT_EQ(counted.size(), 2U);
  EXPECT_EQ(counted[0].route, "-");
  EXPECT_EQ(counted[0].of(http::CacheOutcome::refused), 1U);
  EXPECT_EQ(counted[1].client, "client");
  EXPECT_EQ(counted[1].route, "campaign-metadata");
  EXPECT_EQ(counted[1].of(http::CacheOutcome::miss), 1U);
  EXPECT_EQ(counted[1].of(http::CacheOutcome::hit), 1U);
  const auto requests = traffic.read().requests;
  EXPECT_EQ(requests.at({"campaign-metadata", http::CacheOutcome::hit, 200}), 1U);
  EXPECT_EQ(requests.at({"-", http::CacheOutcome::refused, 404}), 1U);
}

TEST_F(ReportRequestTest, AQueryThatNamesNoZoneIsMeantOnTheClockOfItsAccount) {
  const auto state_on_the_last_day = [this](const std::string& metric) {
    const std::string body = R"({"endDate":"2024-03-31T23:59:59.000","metrics":[")" + metric + R"("]})";
    const auto answer =
        ask("/v1/query/accounts/1/transactions", {{"Content-Type", "application/json"}}, "POST", body);
    return std::string(http::value_in_lines(answer.head, "Report-State"));
  };
  // The day is over in Kathmandu, and not in the last zone on earth.
  const auto ended = rokt::TimeZone::find("Asia/Kathmandu")
                         ->to_wall_latest(rokt::LocalTime(
                             std::chrono::local_days(std::chrono::year(2024) / 4 / 1).time_since_epoch()));
  clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(ended + 1h - clock.wall_now()));
  upstream_says(200, R"({"data":[]})");
  EXPECT_EQ(state_on_the_last_day("a"), "open");
  upstream_says(
      200,
      R"([{"accountId":"2","accountTimezone":"UTC"},{"accountId":"1","accountTimezone":"Asia/Kathmandu"}])");
  ask("/v1/query/accounts");
  upstream_says(200, R"({"data":[]})");
  EXPECT_EQ(state_on_the_last_day("b"), "restating");
}

}  // namespace
}  // namespace roktcached::proxy
