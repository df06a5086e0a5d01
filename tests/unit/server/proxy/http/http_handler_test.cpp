#include <gmock/gmock.h>

#include "core/caching/variants.h"
#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

using testing::HasSubstr;

class HttpHandlerTest : public ProxyFixture {
 protected:
  void upstream_says(unsigned status, const std::string& body, const std::vector<http::Field>& fields = {}) {
    upstream.answer = [=](const upstream::UpstreamRequest&) { return upstream_answer(status, body, fields); };
  }
  void store_under(const std::string& credential, const std::string& target) {
    caching::StoredResponse response;
    response.key = caching::http_key(credential, target);
    response.route = "files";
    response.head = "Cache-Control: max-age=60\r\n";
    response.body = caching::share_body("before");
    response.fetched_at = clock.wall_now();
    response.fresh_until = clock.wall_now() + 60s;
    response.usable_until = clock.wall_now() + 1h;
    store.put(caching::share(std::move(response)));
  }
  [[nodiscard]] bool is_stored_under(const std::string& credential, const std::string& target) const {
    const auto found = services.store.find_in_memory(caching::http_key(credential, target), clock.wall_now());
    return found && !caching::VariantIndex::is_index(*found);
  }
  static constexpr const char* date = "Tue, 14 Nov 2023 22:13:20 GMT";  // of the clock's beginning
};

TEST_F(HttpHandlerTest, APreflightIsToldTheMethodsOfItsRoute) {
  const auto told_of = [this](const std::string& target) {
    http::Request preflight;
    preflight.method = "OPTIONS";
    preflight.target = target;
    preflight.runtime = &runtime;
    return exchange.methods_at(preflight);
  };
  EXPECT_EQ(told_of("/files/a?b=c"), "GET, HEAD, POST, PUT");
  EXPECT_EQ(told_of("/logs/%61"), "GET, HEAD, POST, DELETE");
  EXPECT_EQ(told_of(report()), "GET, HEAD");
  EXPECT_EQ(told_of("/mixed/a"), "GET, HEAD, POST");
  for (const char* nowhere : {"/nowhere", "/files/../a", "/files/\x7f", "*"}) {
    const std::string told = told_of(nowhere);
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE"})
      EXPECT_THAT(told, HasSubstr(method)) << nowhere;
  }
}

TEST_F(HttpHandlerTest, WhatTheUpstreamLetsBeStoredIsAHit) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  auto miss = ask("/files/a");
  EXPECT_EQ(content_of(miss), "body");
  EXPECT_EQ(told(miss), "roktcached; fwd=miss; stored; ttl=60");
  EXPECT_EQ(miss.notes.outcome, http::CacheOutcome::miss);
  clock.advance(10s);
  auto hit = ask("/files/a");
  EXPECT_EQ(content_of(hit), "body");
  EXPECT_EQ(told(hit), "roktcached; hit; ttl=50");
  EXPECT_EQ(http::value_in_lines(hit.head, "Age"), "10");
  EXPECT_EQ(hit.notes.outcome, http::CacheOutcome::hit);
  EXPECT_EQ(upstream.requests.size(), 1U);
  EXPECT_FALSE(upstream.requests[0].exact_length);
  EXPECT_FALSE(upstream.requests[0].accept_gzip);
  EXPECT_FALSE(upstream.requests[0].takes_large);
}

TEST_F(HttpHandlerTest, WhatItDoesNotIsAskedForEachTime) {
  const std::vector<std::pair<std::string, std::string>> controls = {
      {"no-store", "response-no-store"}, {"private", "private"}, {"no-cache, no-store", "response-no-store"}};
  for (const auto& [control, why] : controls) {
    upstream.requests.clear();
    upstream_says(200, "body", {{"Cache-Control", control}, {"Date", date}});
    const std::string target = std::string("/files/") + control[0] + control[3];
    const auto first = ask(target);
    EXPECT_EQ(told(first), "roktcached; fwd=miss; detail=" + why);
    EXPECT_EQ(first.notes.not_stored, why);
    EXPECT_EQ(told(ask(target)), "roktcached; fwd=miss; detail=" + why);
    EXPECT_EQ(upstream.requests.size(), 2U) << control;
  }
}

TEST_F(HttpHandlerTest, AStaleOneIsAskedAboutAndA304FreshensIt) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"ETag", "\"1\""}, {"Date", date}});
  ask("/files/a", {{"If-None-Match", "\"mine\""}});
  EXPECT_FALSE(upstream.requests[0].fields.contains("If-None-Match")) << "it is judged here";
  clock.advance(61s);
  upstream_says(304, "", {{"Cache-Control", "max-age=30"}, {"ETag", "\"1\""}});
  auto again = ask("/files/a");
  EXPECT_EQ(upstream.requests[1].fields.find("If-None-Match"), "\"1\"");
  EXPECT_EQ(upstream.requests[1].reason, counters::Reason::stale);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(content_of(again), "body");
  EXPECT_EQ(told(again), "roktcached; fwd=stale; fwd-status=304; stored; ttl=30");
  EXPECT_EQ(again.notes.outcome, http::CacheOutcome::revalidated);
  clock.advance(29s);
  EXPECT_EQ(ask("/files/a").notes.outcome, http::CacheOutcome::hit);
}

TEST_F(HttpHandlerTest, WhatTheClientHasIsConfirmedFromTheStore) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"ETag", "\"1\""}, {"Date", date}});
  ask("/files/a");
  EXPECT_EQ(ask("/files/a", {{"If-None-Match", "\"1\""}}).status, 304U);
  EXPECT_EQ(ask("/files/a", {{"If-None-Match", "\"2\""}}).status, 200U);
  auto part = ask("/files/a", {{"Range", "bytes=1-2"}});
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(content_of(part), "od");
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(HttpHandlerTest, AHeadIsAnsweredFromTheStore) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  ask("/files/a");
  EXPECT_EQ(ask("/files/a", {}, "HEAD").notes.outcome, http::CacheOutcome::hit);
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(HttpHandlerTest, StaleWhileRevalidateIsServedAndRefreshedBehind) {
  upstream_says(200, "old", {{"Cache-Control", "max-age=60, stale-while-revalidate=60"}, {"Date", date}});
  ask("/files/a");
  clock.advance(61s);
  upstream_says(200, "new", {{"Cache-Control", "max-age=60"}});
  auto stale = ask("/files/a");
  EXPECT_EQ(content_of(stale), "old");
  EXPECT_EQ(stale.notes.outcome, http::CacheOutcome::refreshing_hit);
  ASSERT_EQ(upstream.requests.size(), 2U);
  EXPECT_EQ(upstream.requests[1].reason, counters::Reason::revalidation);
  auto fresh = ask("/files/a");
  EXPECT_EQ(content_of(fresh), "new");
  EXPECT_EQ(upstream.requests.size(), 2U);
}

TEST_F(HttpHandlerTest, OnlyIfCachedAsksNobody) {
  const auto refused = ask("/files/a", {{"Cache-Control", "only-if-cached"}});
  EXPECT_EQ(refused.status, 504U);
  EXPECT_EQ(refused.notes.outcome, http::CacheOutcome::refused);
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(HttpHandlerTest, NoStoreStoresNothing) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  EXPECT_EQ(told(ask("/files/a", {{"Cache-Control", "no-store"}})),
            "roktcached; fwd=miss; detail=request-no-store");
  EXPECT_EQ(told(ask("/files/a")), "roktcached; fwd=miss; stored; ttl=60");
}

TEST_F(HttpHandlerTest, WhatIsStoredStandsInForAnError) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60, stale-if-error=600"}, {"Date", date}});
  ask("/files/a");
  clock.advance(61s);
  upstream_says(503, "busy");
  auto stand_in = ask("/files/a");
  EXPECT_EQ(content_of(stand_in), "body");
  EXPECT_EQ(told(stand_in), "roktcached; fwd=stale; fwd-status=503; detail=stale-if-error");
  EXPECT_EQ(stand_in.notes.outcome, http::CacheOutcome::stale_if_error);
  clock.advance(1s);
  upstream_says(404, "gone");
  EXPECT_EQ(ask("/files/a").status, 404U) << "that is no error of the upstream's";
}

/// RFC 5861, section 4, lets an error status pass unless the response says otherwise; no answer at all is our
/// own trouble.
TEST_F(HttpHandlerTest, WithoutStaleIfErrorItStandsInForNoAnswerAlone) {
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  ask("/files/a");
  clock.advance(61s);
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_unreachable);
  };
  auto stand_in = ask("/files/a");
  EXPECT_EQ(content_of(stand_in), "body");
  EXPECT_EQ(told(stand_in), "roktcached; fwd=stale; detail=stale-if-error");
  clock.advance(1s);
  upstream_says(503, "busy");
  EXPECT_EQ(ask("/files/a").status, 503U);
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_unreachable);
  };
  EXPECT_EQ(ask("/files/b").status, 502U) << "nothing is stored for it";
}

/// RFC 9111, section 4.4: who writes may show another credential than who reads.
TEST_F(HttpHandlerTest, AWriteEndsWhatIsStoredUnderEveryCredential) {
  for (const char* const method : {"POST", "PUT"}) {
    for (const char* const name : {"emea", "default"}) store_under(name, "/files/a");
    upstream_says(204, "");
    const auto written = ask("/files/a", {}, method);
    EXPECT_EQ(written.status, 204U);
    EXPECT_EQ(written.notes.outcome, http::CacheOutcome::passed);
    for (const char* const name : {"emea", "default"})
      EXPECT_FALSE(is_stored_under(name, "/files/a")) << name;
  }
  for (const char* const name : {"emea", "default"}) store_under(name, "/files/a");
  upstream_says(403, "");
  ask("/files/a", {}, "POST");
  for (const char* const name : {"emea", "default"}) EXPECT_TRUE(is_stored_under(name, "/files/a")) << name;
}

TEST_F(HttpHandlerTest, AWriteGoesWithItsConditionsAndItsContent) {
  upstream_says(204, "");
  ask("/files/a", {{"If-None-Match", "*"}, {"Content-Type", "text/plain"}}, "PUT", "content");
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_EQ(upstream.requests[0].method, "PUT");
  EXPECT_EQ(upstream.requests[0].body, "content");
  EXPECT_EQ(upstream.requests[0].fields.to_lines(), "If-None-Match: *\r\nContent-Type: text/plain\r\n");
  EXPECT_EQ(upstream.requests[0].reason, counters::Reason::passed);
}

TEST_F(HttpHandlerTest, AWriteIsNeverAnsweredWithWhatIsStored) {
  store_under("emea", "/files/a");
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_timeout);
  };
  EXPECT_EQ(ask("/files/a", {}, "POST").status, 504U);
  EXPECT_FALSE(is_stored_under("emea", "/files/a")) << "it may have been done";
}

TEST_F(HttpHandlerTest, OfSeveralVariantsTheLatestThatMatchesIsSelected) {
  upstream_says(200, "by language",
                {{"Cache-Control", "max-age=600"}, {"Vary", "Accept-Language"}, {"Date", date}});
  ask("/files/a", {{"Accept-Language", "de"}});
  clock.advance(5s);
  upstream_says(200, "by custom field",
                {{"Cache-Control", "max-age=600"}, {"Vary", "X-Custom"}, {"Age", "30"}});
  ask("/files/a", {{"Accept-Language", "fr"}});
  upstream.requests.clear();
  auto both_match = ask("/files/a", {{"Accept-Language", "de"}});
  EXPECT_EQ(content_of(both_match), "by language") << "the other came later, and is older";
  auto the_other_matches = ask("/files/a", {{"Accept-Language", "it"}});
  EXPECT_EQ(content_of(the_other_matches), "by custom field");
  auto one_matches = ask("/files/a", {{"Accept-Language", "de"}, {"X-Custom", "1"}});
  EXPECT_EQ(content_of(one_matches), "by language");
  EXPECT_TRUE(upstream.requests.empty());
  ask("/files/a", {{"Accept-Language", "it"}, {"X-Custom", "1"}});
  EXPECT_EQ(upstream.requests.size(), 1U);
}

/// If-Match and If-Unmodified-Since are for the origin to judge (RFC 9111, section 4.3.2). The clock stands,
/// so that who comes next still shares what has just ended.
TEST_F(HttpHandlerTest, WhatIsForOneRequestAloneSharesNoFetch) {
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_unreachable);
  };
  ask("/files/a");
  ask("/files/a");
  EXPECT_EQ(upstream.requests.size(), 1U) << "it is shared";
  const std::vector<http::Field> own = {{"If-Match", "\"1\""},
                                        {"If-Unmodified-Since", date},
                                        {"Range", "bytes=0-1"},
                                        {"Authorization", "Bearer its-own"},
                                        {"Cache-Control", "no-store"}};
  for (const http::Field& field : own) {
    upstream.requests.clear();
    ask("/files/a", {field});
    EXPECT_EQ(upstream.requests.size(), 1U) << field.name;
  }
}

/// RFC 9111, section 3.5.
TEST_F(HttpHandlerTest, WhatAClientsOwnCredentialHasBroughtIsNobodyElses) {
  upstream_says(200, "secret", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  EXPECT_EQ(told(ask("/files/a", {{"Authorization", "Bearer its-own"}})),
            "roktcached; fwd=miss; detail=authorization");
  upstream_says(200, "public", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  auto other = ask("/files/a");
  EXPECT_EQ(content_of(other), "public");
  EXPECT_THAT(told(ask("/tools/a", {{"Authorization", "Bearer its-own"}})), HasSubstr("stored"))
      << "with the shared token all see the same";
  EXPECT_FALSE(upstream.requests.back().fields.contains("Authorization"));
  EXPECT_TRUE(upstream.requests.back().inject_token);
  EXPECT_EQ(upstream.requests.back().credential, 1U);
}

TEST_F(HttpHandlerTest, FieldsThatPrivateListsReachTheOneWhoAskedAlone) {
  upstream_says(200, "body",
                {{"Cache-Control", "max-age=60, private=\"X-Secret\""}, {"X-Secret", "s"}, {"Date", date}});
  EXPECT_TRUE(has(ask("/files/a"), "X-Secret"));
  const auto hit = ask("/files/a");
  EXPECT_EQ(hit.notes.outcome, http::CacheOutcome::hit);
  EXPECT_FALSE(has(hit, "X-Secret"));
}

/// Whether it is stored is known at its end only; that it cannot be, at its head.
TEST_F(HttpHandlerTest, WhatComesInPiecesSaysAtItsHeadWhyItIsNotStored) {
  const auto told_of = [&](const char* control, const char* target) {
    upstream.stream_first = [=](std::shared_ptr<GrowingAnswer> answer) -> boost::asio::awaitable<void> {
      upstream::AnswerHead head{200, {}, std::nullopt};
      head.fields.add("Cache-Control", control);
      answer->begin(std::move(head));
      const bool wanted = co_await answer->append("body");
      EXPECT_TRUE(wanted);
    };
    upstream.answer = [=](const upstream::UpstreamRequest&) {
      auto whole = upstream_answer(200, "", {{"Cache-Control", control}});
      whole->streamed = true;
      return whole;
    };
    auto answer = ask(target);
    EXPECT_EQ(content_of(answer), "body");
    EXPECT_EQ(told(answer).ends_with("detail=" + std::string(answer.notes.not_stored)),
              !answer.notes.not_stored.empty());
    return told(answer);
  };
  EXPECT_EQ(told_of("private", "/files/a"), "roktcached; fwd=miss; detail=private");
  EXPECT_EQ(told_of("max-age=60", "/files/b"), "roktcached; fwd=miss");
}

/// A field that is not kept selects all the same.
TEST_F(HttpHandlerTest, AVaryThatPrivateListsStillTellsAnswersApart) {
  upstream_says(
      200, "german",
      {{"Cache-Control", "max-age=60, private=\"Vary\""}, {"Vary", "Accept-Language"}, {"Date", date}});
  ask("/files/a", {{"Accept-Language", "de"}});
  upstream_says(200, "italian", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  auto other = ask("/files/a", {{"Accept-Language", "it"}});
  EXPECT_EQ(content_of(other), "italian");
}

TEST_F(HttpHandlerTest, ARangeIsAskedForWhereTheWholeIsNotThere) {
  upstream_says(206, "od",
                {{"Content-Range", "bytes 1-2/4"}, {"Cache-Control", "max-age=60"}, {"Date", date}});
  auto part = ask("/files/a", {{"Range", "bytes=1-2"}});
  EXPECT_EQ(upstream.requests[0].fields.find("Range"), "bytes=1-2");
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(content_of(part), "od");
  EXPECT_EQ(ask("/files/a", {{"Range", "bytes=1-2"}}).notes.outcome, http::CacheOutcome::hit);
  upstream_says(200, "body", {{"Cache-Control", "max-age=60"}, {"Date", date}});
  auto whole = ask("/files/a");
  EXPECT_EQ(content_of(whole), "body") << "a part is no answer to who asks for all";
  EXPECT_FALSE(upstream.requests.back().fields.contains("Range"));
}

TEST_F(HttpHandlerTest, AFailureIsAProblemThatSaysWhenToComeAgain) {
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_budget_exhausted);
  };
  const auto failed = ask("/files/a");
  EXPECT_EQ(failed.status, 503U);
  EXPECT_EQ(told(failed), "roktcached; fwd=miss");
  EXPECT_EQ(http::value_in_lines(failed.head, "Retry-After"), "3");
  EXPECT_EQ(failed.notes.outcome, http::CacheOutcome::failed);
}

}  // namespace
}  // namespace roktcached::proxy
