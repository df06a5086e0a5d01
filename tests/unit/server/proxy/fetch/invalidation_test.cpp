#include <gtest/gtest.h>

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
  /// What is stored for the target and can be answered with; null where there is nothing, or the empty index
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
    response.body = std::make_shared<const std::string>(body);
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

}  // namespace
}  // namespace roktcached::proxy
