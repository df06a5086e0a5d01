#include <gtest/gtest.h>

#include "core/caching/decision.h"
#include "core/caching/variants.h"
#include "tests/unit/colliding_keys.h"
#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

/// What must not come back into the store, and what must not be told to somebody else.
class InvalidationTest : public FetchTableTest {
 protected:
  static caching::Key key_of(const std::string& target) { return caching::http_key("default", target); }
  void invalidate(std::vector<caching::Key> targets) {
    boost::asio::co_spawn(context, fetches.invalidate(std::move(targets), "files"), boost::asio::detached);
    run();
  }
  /// What is stored for the target and can be answered with; null if there is nothing, or the empty index
  /// of what was invalidated.
  caching::StoredResponsePtr stored(const std::string& target) {
    const auto found = store.find(key_of(target), clock.wall_now()).value();
    return found && caching::VariantIndex::is_index(*found) ? nullptr : found;
  }
  caching::StoredResponsePtr put(const std::string& target, const std::string& body, const char* tag) {
    caching::StoredResponse response;
    response.key = key_of(target);
    response.route = "files";
    response.status = 200;
    response.head = std::string("Cache-Control: max-age=60\r\nETag: ") + tag + "\r\n";
    response.body = caching::share_body(body);
    response.fetched_at = clock.wall_now();
    response.fresh_until = clock.wall_now() + 60s;
    response.usable_until = clock.wall_now() + 1h;
    auto shared = caching::share(std::move(response));
    store.put(shared);
    return shared;
  }
  FetchRequest head_request(const std::string& target, caching::StoredResponsePtr looked_up) {
    FetchRequest fetch = http_request(target);
    auto http = std::make_shared<HttpFetch>(*fetch.http);
    http->method = "HEAD";
    fetch.http = std::move(http);
    fetch.upstream.method = "HEAD";
    fetch.stored = std::move(looked_up);
    return fetch;
  }
  static upstream::UpstreamResult head_answer(const char* tag) {
    upstream::UpstreamResult answer = http_answer("max-age=600", "");
    answer->fields.add("ETag", tag);
    return answer;
  }
};

TEST_F(InvalidationTest, AFetchUnderWayWhenItsTargetIsInvalidatedIsNotStored) {
  const Answer answer = join_http(http_request("/a"));
  clock.advance(1ms);
  invalidate({key_of("/a")});
  clock.advance(1ms);
  respond([] { return http_answer("max-age=60"); });
  EXPECT_EQ(stored("/a"), nullptr);
  EXPECT_EQ((*answer)->at_end->outcome->storing, caching::Storing::invalidated);
  EXPECT_EQ(fetches.not_stored()[static_cast<std::size_t>(caching::Storing::invalidated)], 1U);
}

TEST_F(InvalidationTest, AFetchThatBeginsInTheMomentOfAnInvalidationIsNotStored) {
  invalidate({key_of("/a")});
  const Answer answer = join_http(http_request("/a"));
  respond([] { return http_answer("max-age=60"); });
  EXPECT_EQ(stored("/a"), nullptr) << "which of them was first nobody can tell";
  clock.advance(1ms);
  const Answer later = join_http(http_request("/a"));
  respond([] { return http_answer("max-age=60"); });
  EXPECT_NE(stored("/a"), nullptr);
}

TEST_F(InvalidationTest, OfOneTargetLeavesTheOthersAlone) {
  const Answer answer = join_http(http_request("/a"));
  clock.advance(1ms);
  invalidate({key_of("/b")});
  respond([] { return http_answer("max-age=60"); });
  EXPECT_NE(stored("/a"), nullptr);
}

/// What its request has found in the store may have been invalidated, and would come back freshened.
TEST_F(InvalidationTest, BetweenARequestsArrivalAndItsFetchCountsAsWell) {
  const FetchRequest early = http_request("/a");
  clock.advance(1ms);
  invalidate({key_of("/a")});
  clock.advance(1ms);
  const Answer answer = join_http(early);
  ASSERT_EQ(upstream.requests.size(), 1U);
  respond([] { return http_answer("max-age=60"); });
  EXPECT_EQ(stored("/a"), nullptr);
  EXPECT_FALSE((*answer)->at_end->outcome->stored());
}

/// More than are remembered one by one: then everything that was begun before counts as invalidated.
TEST_F(InvalidationTest, IsNotForgottenForMoreOfThemThanAreRemembered) {
  constexpr int remembered = 4096;
  const Answer answer = join_http(http_request("/a"));
  clock.advance(1ms);
  invalidate({key_of("/a")});
  std::vector<caching::Key> others;
  for (int i = 0; i < remembered; ++i) others.push_back(key_of("/other/" + std::to_string(i)));
  clock.advance(1ms);
  invalidate(std::move(others));
  clock.advance(1ms);
  respond([] { return http_answer("max-age=60"); });
  EXPECT_EQ(stored("/a"), nullptr);
  EXPECT_FALSE((*answer)->at_end->outcome->stored());

  const Answer later = join_http(http_request("/a"));
  respond([] { return http_answer("max-age=60"); });
  EXPECT_NE(stored("/a"), nullptr) << "what begins after all of them is stored again";
}

TEST_F(InvalidationTest, AHeadFreshensWhatItHasLookedUp) {
  const auto before = put("/a", "old", "\"1\"");
  const Answer answer = join_http(head_request("/a", before), FetchTable::Sharing::alone);
  respond([] { return head_answer("\"1\""); });
  ASSERT_NE(stored("/a"), nullptr);
  EXPECT_EQ(*stored("/a")->body, "old");
  EXPECT_EQ(stored("/a")->fresh_until, clock.wall_now() + 600s);
  EXPECT_TRUE((*answer)->at_end->outcome->stored());
}

TEST_F(InvalidationTest, AHeadUnderWayPutsNothingBackThatWasReplaced) {
  const auto before = put("/a", "old", "\"1\"");
  const Answer answer = join_http(head_request("/a", before), FetchTable::Sharing::alone);
  const auto after = put("/a", "new", "\"2\"");
  respond([] { return head_answer("\"1\""); });
  EXPECT_EQ(stored("/a"), after);
  EXPECT_EQ((*answer)->at_end->outcome->storing, caching::Storing::replaced);
}

TEST_F(InvalidationTest, AHeadUnderWayEndsNoFreshnessOfWhatHasReplacedItsResponse) {
  const auto before = put("/a", "old", "\"1\"");
  const Answer answer = join_http(head_request("/a", before), FetchTable::Sharing::alone);
  const auto after = put("/a", "new", "\"2\"");
  respond([] { return head_answer("\"2\""); });
  EXPECT_EQ(stored("/a"), after) << "it is not what the HEAD has compared with";
}

TEST_F(InvalidationTest, NobodyJoinsTheFetchOfAnotherKeyThatSharesItsHash) {
  const auto [one, other] = caching::colliding_keys();
  FetchRequest first = request("a");
  first.key = one;
  FetchRequest second = request("b");
  second.key = other;
  const Answer answer = join(first);
  const Answer others = join(second);
  EXPECT_EQ(upstream.requests.size(), 2U);
  EXPECT_EQ(fetches.collapsed(), 0U);
  respond([] { return ok("body"); });
  EXPECT_FALSE((*others)->collapsed);
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

TEST_F(InvalidationTest, AWriteThatIsAnsweredTellsWhatItHasEnded) {
  std::vector<caching::Key> told;
  fetches.when_ended([&](const caching::Key& target) { told.push_back(target); });
  FetchRequest write = http_request("/a");
  auto http = std::make_shared<HttpFetch>(*write.http);
  http->method = "PUT";
  http->credentials = {"default", "emea"};
  write.http = std::move(http);
  write.upstream.method = "PUT";
  const Answer written = join_http(std::move(write), FetchTable::Sharing::alone);
  EXPECT_TRUE(told.empty());
  respond([] { return http_answer(""); });
  EXPECT_EQ(told, std::vector<caching::Key>({key_of("/a"), caching::http_key("emea", "/a")}));
}

}  // namespace
}  // namespace roktcached::proxy
