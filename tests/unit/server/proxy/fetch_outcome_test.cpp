#include "server/proxy/fetch_outcome.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = wall_time_from_unix_ms(1'700'000'000'000);
const std::string report = R"({"a":1},{"b":2})";

/// A request for metadata, an hour after `stored` was fetched.
FetchRequest request(caching::StoredResponsePtr stored = nullptr) {
  FetchRequest made;
  made.key = caching::Key("default /metadata/accounts/1/campaigns/2 LATEST");
  made.route_class = rokt::RouteClass::metadata;
  made.stored = std::move(stored);
  return made;
}

upstream::UpstreamResponse answer(unsigned status, std::string body, WallTime sent_at) {
  upstream::UpstreamResponse made;
  made.status = status;
  made.body = std::move(body);
  made.sent_at = sent_at;
  return made;
}

caching::StoredResponsePtr stored_report() {
  return judge(request(), answer(200, report, noon)).response;
}

TEST(Judge, KeepsAReportAndARefusalWhereNothingIsStored) {
  for (const unsigned status : {200U, 404U, 400U}) {
    const FetchOutcome outcome = judge(request(), answer(status, R"({"message":"none"})", noon));
    EXPECT_TRUE(outcome.stored) << status;
    EXPECT_EQ(outcome.to_store.size(), 1U) << status;
  }
}

TEST(Judge, KeepsNoRefusalInThePlaceOfAReportThatMayStandIn) {
  for (const unsigned status : {404U, 400U}) {
    const FetchOutcome outcome =
        judge(request(stored_report()), answer(status, R"({"message":"no such campaign"})", noon + 2h));
    EXPECT_FALSE(outcome.stored) << status;
    EXPECT_TRUE(outcome.to_store.empty()) << status;
    EXPECT_EQ(outcome.response->status, status) << "it is passed on";
    EXPECT_FALSE(gives_way(outcome)) << status;
  }
}

TEST(Judge, KeepsARefusalOnceTheReportMayNoLongerStandIn) {
  const FetchOutcome outcome =
      judge(request(stored_report()), answer(404, R"({"message":"no such campaign"})", noon + 24h * 30));
  EXPECT_TRUE(outcome.stored);
}

TEST(Judge, LetsAGatewaysPageGiveWay) {
  for (const unsigned status : {404U, 400U}) {
    const FetchOutcome outcome =
        judge(request(stored_report()), answer(status, "<html>Not here</html>", noon + 2h));
    EXPECT_EQ(outcome.kind, AnswerKind::gateway_page);
    EXPECT_FALSE(outcome.stored);
    EXPECT_TRUE(gives_way(outcome));
  }
}

TEST(Judge, TakesTheBeginningOfAReportForACutWhereOnlyTheConnectionHasEndedIt) {
  const auto ending = [](bool with_connection) {
    upstream::UpstreamResponse beginning = answer(200, R"({"a":1})", noon + 2h);
    beginning.ends_with_connection = with_connection;
    return judge(request(stored_report()), std::move(beginning));
  };
  const FetchOutcome lost = ending(true);
  EXPECT_EQ(lost.kind, AnswerKind::not_json);
  EXPECT_FALSE(lost.stored);
  EXPECT_TRUE(gives_way(lost));

  const FetchOutcome shorter = ending(false);
  EXPECT_TRUE(shorter.stored) << "its length was said";
}

TEST(Judge, TakesAnotherReportThatEndsWithItsConnection) {
  upstream::UpstreamResponse other = answer(200, R"({"a":2})", noon + 2h);
  other.ends_with_connection = true;
  EXPECT_TRUE(judge(request(stored_report()), std::move(other)).stored);
}

}  // namespace
}  // namespace roktcached::proxy
