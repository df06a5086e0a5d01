#include "server/proxy/report/fetch_outcome.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/http/date.h"
#include "core/http/validators.h"

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
    EXPECT_TRUE(outcome.stored()) << status;
    EXPECT_EQ(outcome.to_store.size(), 1U) << status;
  }
}

TEST(Judge, KeepsNoRefusalInThePlaceOfAReportThatMayStandIn) {
  for (const unsigned status : {404U, 400U}) {
    const FetchOutcome outcome =
        judge(request(stored_report()), answer(status, R"({"message":"no such campaign"})", noon + 2h));
    EXPECT_EQ(outcome.storing, caching::Storing::better_kept) << status;
    EXPECT_TRUE(outcome.to_store.empty()) << status;
    EXPECT_EQ(outcome.response->status, status) << "it is passed on";
    EXPECT_FALSE(gives_way(outcome)) << status;
  }
}

TEST(Judge, KeepsARefusalOnceTheReportMayNoLongerStandIn) {
  const FetchOutcome outcome =
      judge(request(stored_report()), answer(404, R"({"message":"no such campaign"})", noon + 24h * 30));
  EXPECT_TRUE(outcome.stored());
}

TEST(Judge, LetsAGatewaysPageGiveWay) {
  for (const unsigned status : {404U, 400U}) {
    const FetchOutcome outcome =
        judge(request(stored_report()), answer(status, "<html>Not here</html>", noon + 2h));
    EXPECT_EQ(outcome.kind, AnswerKind::gateway_page);
    EXPECT_FALSE(outcome.stored());
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
  EXPECT_EQ(lost.storing, caching::Storing::not_json);
  EXPECT_TRUE(gives_way(lost));

  const FetchOutcome shorter = ending(false);
  EXPECT_TRUE(shorter.stored()) << "its length was said";
}

caching::StoredResponsePtr stored_with(http::Field field) {
  upstream::UpstreamResponse first = answer(200, report, noon);
  first.fields.add("Date", http::format_date(noon));
  first.fields.add(field.name, field.value);
  return judge(request(), std::move(first)).response;
}

/// A 304 two hours later.
FetchOutcome not_modified(caching::StoredResponsePtr stored, const char* tag = nullptr) {
  upstream::UpstreamResponse confirmation = answer(304, "", noon + 2h);
  if (tag != nullptr) confirmation.fields.add("ETag", tag);
  return judge(request(std::move(stored)), std::move(confirmation));
}

TEST(Judge, TakesA304ForWhatWasAskedAbout) {
  const auto stored = stored_with({"ETag", "\"v1\""});
  for (const char* const tag : {static_cast<const char*>(nullptr), "\"v1\"", "W/\"v1\"", ""}) {
    const FetchOutcome outcome = not_modified(stored, tag);
    ASSERT_TRUE(outcome.response);
    EXPECT_TRUE(outcome.stored());
    EXPECT_EQ(outcome.kind, AnswerKind::report);
    EXPECT_EQ(outcome.upstream_status, 304U);
    EXPECT_EQ(outcome.response->status, 200U);
    EXPECT_EQ(outcome.response->body, stored->body);
    EXPECT_EQ(outcome.response->validator, stored->validator);
    EXPECT_EQ(outcome.response->fetched_at, noon + 2h);
    EXPECT_EQ(outcome.response->fresh_until, noon + 2h + 1h);
  }
}

/// It would give old numbers out for another hour.
TEST(Judge, TakesNo304ThatNamesAnotherTagThanItWasAskedAbout) {
  const FetchOutcome outcome = not_modified(stored_with({"ETag", "\"v1\""}), "\"v2\"");
  EXPECT_FALSE(outcome.response);
  EXPECT_EQ(outcome.storing, caching::Storing::no_answer);
  EXPECT_TRUE(outcome.to_store.empty());
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->error.code, ErrorCode::upstream_invalid_response);
  EXPECT_TRUE(outcome.failure->error.retryable);
  EXPECT_TRUE(gives_way(outcome)) << "what is stored may stand in";
}

TEST(Judge, TakesA304WithATagWhereItWasAskedAboutADate) {
  const auto stored = stored_with({"Last-Modified", http::format_date(noon - 1h)});
  ASSERT_TRUE(stored->validator.view().starts_with("If-Modified-Since: "));
  EXPECT_TRUE(not_modified(stored, "\"v2\"").stored());
}

TEST(Judge, TakesNo304WhereNothingWasAskedAbout) {
  for (const auto& stored : {caching::StoredResponsePtr(), stored_report()}) {
    const FetchOutcome outcome = not_modified(stored);
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->error.code, ErrorCode::upstream_invalid_response);
    EXPECT_FALSE(outcome.response);
  }
}

TEST(Judge, MakesATagOfItsOwnUnlessTheUpstreamsIsStrong) {
  const std::string own = http::entity_tag_of(report);
  EXPECT_EQ(stored_with({"X", "y"})->entity_tag, own);
  EXPECT_EQ(stored_with({"ETag", "\"v1\""})->entity_tag, "\"v1\"");
  for (const char* const tag : {"W/\"v1\"", "v1", "\"v1", "v1\"", "\"", ""})
    EXPECT_EQ(stored_with({"ETag", tag})->entity_tag, own) << tag;
}

TEST(Judge, AsksTheUpstreamAboutItsOwnTag) {
  EXPECT_EQ(stored_with({"ETag", "W/\"v1\""})->validator, "If-None-Match: W/\"v1\"");
  EXPECT_EQ(stored_with({"ETag", "\"v1\""})->validator, "If-None-Match: \"v1\"");
  EXPECT_EQ(stored_with({"X", "y"})->validator, "");
}

/// What has changed in the second that it names may change once more in it (RFC 9110, section 8.8.2.2).
TEST(Judge, AsksAboutATimeOnlyWhereItHasPassedForASecond) {
  const std::string before = http::format_date(noon - 1s);
  EXPECT_EQ(stored_with({"Last-Modified", before})->validator, "If-Modified-Since: " + before);
  EXPECT_EQ(stored_with({"Last-Modified", http::format_date(noon)})->validator, "");
  EXPECT_EQ(stored_with({"Last-Modified", "never"})->validator, "");
}

TEST(Judge, StoresNothingWhereTheClientSaysSo) {
  FetchRequest asked = request();
  asked.may_store = false;
  const FetchOutcome outcome = judge(asked, answer(200, report, noon));
  EXPECT_EQ(outcome.storing, caching::Storing::request_no_store);
  EXPECT_TRUE(outcome.to_store.empty());
  EXPECT_EQ(*outcome.response->body, report);
}

TEST(Judge, PassesAnyOtherStatusOnAndStoresNoneOfThem) {
  for (const unsigned status : {201U, 204U, 302U, 401U, 403U, 429U, 500U, 503U}) {
    const FetchOutcome outcome = judge(request(), answer(status, R"({"message":"none"})", noon));
    ASSERT_TRUE(outcome.response) << status;
    EXPECT_EQ(outcome.response->status, status);
    EXPECT_FALSE(outcome.stored()) << status;
    EXPECT_TRUE(outcome.to_store.empty()) << status;
  }
}

TEST(GivesWay, AnErrorOfTheUpstreamAndNoAnswerAtAll) {
  const auto gives = [](unsigned status, const char* body = R"({"a":1})") {
    return gives_way(judge(request(), answer(status, body, noon)));
  };
  for (const unsigned status : {429U, 500U, 502U, 503U, 504U, 201U, 302U})
    EXPECT_TRUE(gives(status)) << status;
  for (const unsigned status : {200U, 400U, 401U, 403U, 404U, 410U, 501U})
    EXPECT_FALSE(gives(status)) << status;
  EXPECT_TRUE(gives(200, "<html>"));
  EXPECT_TRUE(gives(200, ""));
  const upstream::UpstreamFailure dead{{ErrorCode::upstream_timeout, true, "late", ErrorSource::upstream},
                                       std::nullopt};
  EXPECT_TRUE(gives_way(judge(request(), dead)));
}

TEST(Judge, TakesAnotherReportThatEndsWithItsConnection) {
  upstream::UpstreamResponse other = answer(200, R"({"a":2})", noon + 2h);
  other.ends_with_connection = true;
  EXPECT_TRUE(judge(request(stored_report()), std::move(other)).stored());
}

/// A query of a month that has been over for ten days, at noon and an hour after.
FetchOutcome asked_again(const std::string& before, const std::string& after,
                         rokt::RouteClass route_class = rokt::RouteClass::query) {
  FetchRequest query = request();
  query.route_class = route_class;
  query.range_end = noon - 240h;
  query.stored = judge(query, answer(200, before, noon)).response;
  return judge(query, answer(200, after, noon + 1h));
}

TEST(Judge, TheTimeThatAQueryTookRestatesNothing) {
  const std::string first = R"({"queryTimeMs":7,"data":[{"impressions":1}]})";
  const std::string second = R"({"queryTimeMs":12,"data":[{"impressions":1}]})";
  const FetchOutcome outcome = asked_again(first, second);
  EXPECT_TRUE(outcome.stored());
  EXPECT_FALSE(outcome.restates);
  EXPECT_EQ(outcome.response->restated, nullptr);
  EXPECT_EQ(*outcome.response->body, second);
  EXPECT_TRUE(asked_again(first, second, rokt::RouteClass::report).restates);
}

TEST(Judge, AFigureOfAQueryThatMovesIsARestatementAndItsTimeIsNone) {
  const FetchOutcome outcome = asked_again(R"({"queryTimeMs":7,"data":[{"impressions":1}]})",
                                           R"({"queryTimeMs":12,"data":[{"impressions":2}]})");
  EXPECT_TRUE(outcome.restates);
  ASSERT_NE(outcome.response->restated, nullptr);
  EXPECT_EQ(outcome.response->restated->moved, R"([{"field":"/data/0/impressions","before":1,"after":2}])");
}

}  // namespace
}  // namespace roktcached::proxy
