#include <gtest/gtest.h>

#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

/// What an abandoned or unattended request comes to an end with.
upstream::UpstreamResult broken_off() {
  return upstream::UpstreamFailure{{ErrorCode::client_gone, false, "nobody waits", ErrorSource::upstream},
                                   std::nullopt};
}

class LeavingTest : public FetchTableTest {
 protected:
  void leave(const FetchTable::TicketPtr& ticket) {
    FetchTable::leave(ticket);
    run();
  }
  [[nodiscard]] const upstream::Turn& turn(std::size_t i = 0) const { return *upstream.requests.at(i).turn; }
};

TEST_F(LeavingTest, AReportIsUnattendedOnceTheLastHasLeft) {
  const auto first = ticket();
  const auto second = ticket();
  const Answer one = join(request("a"), first);
  const Answer two = join(request("a"), second);
  leave(first);
  EXPECT_FALSE(turn().unattended());
  EXPECT_FALSE(*one) << "its request is the one that is under way";
  leave(second);
  EXPECT_TRUE(turn().unattended());
  EXPECT_FALSE(turn().abandoned());
  ASSERT_TRUE(*two) << "who only waits is done at once";
  EXPECT_TRUE((*two)->left);
  respond([] { return ok("body"); });
  ASSERT_TRUE(*one);
  EXPECT_TRUE((*one)->left);
  const auto stored = store.find(caching::Key("a"), clock.wall_now());
  EXPECT_TRUE(stored && *stored) << "its answer was worth keeping";
}

TEST_F(LeavingTest, WhoComesLaterAttendsItAgain) {
  const auto first = ticket();
  const Answer one = join(request("a"), first);
  leave(first);
  const Answer two = join(request("a"), ticket());
  EXPECT_FALSE(turn().unattended());
  respond([] { return ok("body"); });
  EXPECT_TRUE((*two)->outcome->stored());
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(LeavingTest, WhoJoinsWhatIsBrokenOffFetchesAnew) {
  const auto first = ticket();
  const Answer one = join(request("a"), first);
  leave(first);
  const Answer two = join(request("a"), ticket());
  const Answer three = join(request("a"), ticket());
  respond(broken_off);
  EXPECT_EQ(upstream.requests.size(), 2U) << "one for both";
  EXPECT_FALSE(*two);
  respond([] { return ok("body"); });
  EXPECT_TRUE((*two)->outcome->response);
  EXPECT_TRUE((*three)->outcome->response);
}

TEST_F(LeavingTest, WhatWasBrokenOffTellsNobodyAnything) {
  const FetchRequest late = request("a");
  const auto first = ticket();
  const Answer one = join(request("a"), first);
  leave(first);
  clock.advance(1ms);
  respond(broken_off);
  const Answer two = join(late, ticket());
  EXPECT_FALSE(*two);
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("body"); });
}

TEST_F(LeavingTest, WhoHasLeftBeforeItJoinsStartsNothing) {
  const auto gone = ticket();
  leave(gone);
  const Answer answer = join(request("a"), gone);
  ASSERT_TRUE(*answer);
  EXPECT_TRUE((*answer)->left);
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(LeavingTest, ARefreshIsNobodysToLeave) {
  fetches.refresh_behind(request("a"));
  run();
  const auto only = ticket();
  const Answer one = join(request("a"), only);
  leave(only);
  EXPECT_TRUE((*one)->left);
  EXPECT_FALSE(turn().unattended());
  respond([] { return ok("body"); });
}

TEST_F(LeavingTest, OnAnHttpRouteAFetchThatNobodyReadsIsBrokenOff) {
  FetchResult first = **join_http(http_request("/a"));
  EXPECT_FALSE(turn().abandoned());
  first.content.reset();
  run();
  EXPECT_TRUE(turn().abandoned());
  const Answer second = join_http(http_request("/a"));
  EXPECT_EQ(upstream.requests.size(), 2U) << "it is not what is broken off that is joined";
  respond(broken_off);
}

TEST_F(LeavingTest, OnAnHttpRouteWhoWaitsKeepsTheFetchOfOneWhoHasLeft) {
  FetchResult first = **join_http(http_request("/a"));
  const auto second = ticket();
  const Answer two = join_http(http_request("/a"), FetchTable::Sharing::shared, second);
  EXPECT_FALSE(*two);
  first.content.reset();
  run();
  EXPECT_FALSE(turn().abandoned());
  leave(second);
  EXPECT_TRUE(turn().abandoned());
  EXPECT_TRUE((*two)->left);
  respond(broken_off);
}

TEST_F(LeavingTest, AnAnswerThatIsWantedThoughNobodyReadsItGoesOn) {
  FetchResult first = **join_http(http_request("/a"));
  first.content->leave_for_others();
  first.content.reset();
  run();
  EXPECT_FALSE(turn().abandoned());
  EXPECT_TRUE(turn().unattended());
  respond([] { return http_answer("max-age=60"); });
}

}  // namespace
}  // namespace roktcached::proxy
