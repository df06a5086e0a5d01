#include "core/rokt/query_body.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/rokt/date_range.h"

namespace roktcached::rokt {
namespace {

const ParameterRules strict;
const ParameterRules lenient{.validation = Validation::lenient, .extra_currencies = {}};

std::string canonical_query(std::string_view content) {
  const auto read = read_query_body(content, strict);
  return read ? read->canonical : "refused: " + read.error().context;
}

std::string query_refusal(std::string_view content, const ParameterRules& rules = strict) {
  const auto read = read_query_body(content, rules);
  return read ? "taken" : read.error().context;
}

std::optional<WallTime> query_end_of(std::string_view content) {
  const auto read = read_query_body(content, strict);
  return read ? read->range_end : std::nullopt;
}

WallTime moment(std::string_view local, std::string_view zone) {
  return TimeZone::find(zone)->to_wall_latest(DateParameter::parse(local)->earliest);
}

TEST(QueryBodyTest, MembersAreSortedAtEveryLevelAndWhiteSpaceIsLeftOut) {
  EXPECT_EQ(canonical_query(
                " { \"startDate\" : \"2026-11-01\" ,\n\t\"endDate\":\"2026-11-02\",\r\n"
                " \"orderBys\":[{\"direction\":\"asc\",\"column\":\"country\"}], \"dimensionFilters\":{} } "),
            R"({"dimensionFilters":{},"endDate":"2026-11-02",)"
            R"("orderBys":[{"column":"country","direction":"asc"}],"startDate":"2026-11-01"})");
}

TEST(QueryBodyTest, ArraysKeepTheirOrderAndNumbersTheirText) {
  EXPECT_EQ(canonical_query(
                R"({"metrics":["b","a",1.0,1,1e2,-0,0.10,12345678901234567890123,true,false,null,[]]})"),
            R"({"metrics":["b","a",1.0,1,1e2,-0,0.10,12345678901234567890123,true,false,null,[]]})");
}

TEST(QueryBodyTest, EscapesAreWrittenInOneWay) {
  EXPECT_EQ(canonical_query(R"({"\u0073tartDate":"2026\u002d11-01","x":"a\/b\u00e9\ud83d\ude00\u000a"})"),
            "{\"startDate\":\"2026-11-01\",\"x\":\"a/b\xc3\xa9\xf0\x9f\x98\x80\\n\"}");
}

TEST(QueryBodyTest, TheCanonicalFormIsItsOwn) {
  const std::string once =
      canonical_query(R"({ "z":{"b":[{"d":1,"c":"\u0022\\"}],"a":null}, "endDate":"2026-11-02" })");
  EXPECT_EQ(canonical_query(once), once);
}

/// Thirty bodies beside one another that are no two of them the same question.
TEST(QueryBodyTest, NearBodiesDiffer) {
  const std::vector<std::string> bodies = {R"({})",
                                           R"({"startDate":"2026-11-01"})",
                                           R"({"startDate":"2026-11-1"})",
                                           R"({"startDate":"2026-11-01T00:00:00"})",
                                           R"({"startDate":"2026-11-01T00:00:00.000"})",
                                           R"({"startDate":"2026-11-01 "})",
                                           R"({"startDate":null})",
                                           R"({"startDate":""})",
                                           R"({"endDate":"2026-11-01"})",
                                           R"({"endDate":"2026-11-01T23:59:59.000"})",
                                           R"({"metrics":[]})",
                                           R"({"metrics":["a"]})",
                                           R"({"metrics":["a","b"]})",
                                           R"({"metrics":["b","a"]})",
                                           R"({"metrics":["a,b"]})",
                                           R"({"metrics":["A"]})",
                                           R"({"metrics":"a"})",
                                           R"({"metrics":[["a"]]})",
                                           R"({"metrics":["a "]})",
                                           R"({"metrics":["a",null]})",
                                           R"({"dimensions":["a"]})",
                                           R"({"dimensionFilters":{}})",
                                           R"({"dimensionFilters":{"a":["1"]}})",
                                           R"({"dimensionFilters":{"a":[1]}})",
                                           R"({"dimensionFilters":{"a":[1.0]}})",
                                           R"({"currencyCode":"USD"})",
                                           R"({"currencyCode":"usd"})",
                                           R"({"timezoneVariation":"UTC"})",
                                           R"({"timezoneVariation":"Etc/UTC"})",
                                           R"({"interval":"day"})",
                                           R"({"interval":"day","limit":10})"};
  std::set<std::string> texts;
  for (const auto& body : bodies) {
    EXPECT_EQ(query_refusal(body), "taken") << body;
    EXPECT_TRUE(texts.insert(canonical_query(body)).second) << body;
  }
}

TEST(QueryBodyTest, WhatIsNoJsonObjectIsRefusedWithItsPlace) {
  for (const char* content : {"",
                              " ",
                              "[]",
                              "\"a\"",
                              "1",
                              "null",
                              "{",
                              "{\"a\":1",
                              "{\"a\":1,}",
                              "{'a':1}",
                              "{a:1}",
                              "{\"a\":1}{}",
                              "{\"a\":1} x",
                              "{\"a\":01}",
                              "{\"a\":NaN}",
                              "{\"a\":\"\n\"}",
                              "{\"a\":\"\\ud800\"}",
                              "{\"a\":\"\xff\"}",
                              "\xef\xbb\xbf{}",
                              "{\"a\":/*c*/1}"}) {
    EXPECT_NE(query_refusal(content).find("accepted: one JSON object"), std::string::npos)
        << content << query_refusal(content);
    EXPECT_NE(query_refusal(content, lenient).find("content: "), std::string::npos) << content;
  }
  EXPECT_NE(query_refusal("{\"a\":1} x").find("at octet 8"), std::string::npos)
      << query_refusal("{\"a\":1} x");
}

TEST(QueryBodyTest, ANameThatComesTwiceIsRefusedAtEveryLevel) {
  EXPECT_EQ(query_refusal(R"({"a":1,"b":2,"a":1})"),
            R"(content: member "a" comes more than once; accepted: once)");
  EXPECT_EQ(query_refusal(R"({"x":[{"a":1,"\u0061":2}]})", lenient),
            R"(content: member "a" comes more than once; accepted: once)");
}

TEST(QueryBodyTest, ARefusalShowsNoMoreThanABitOfWhatWasSent) {
  const std::string name(5000, 'n');
  const std::string shown = query_refusal("{\"" + name + "\":1,\"" + name + "\":2}");
  EXPECT_LT(shown.size(), 200U);
}

TEST(QueryBodyTest, DeepNestingIsRefused) {
  const std::string deep = R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}";
  EXPECT_NE(query_refusal(deep).find("is no JSON"), std::string::npos) << query_refusal(deep);
}

TEST(QueryBodyTest, NamesThatAreNearlyKnownAreRefusedWhenStrict) {
  const std::vector<std::pair<std::string, std::string>> near = {{"timeZoneVariation", "timezoneVariation"},
                                                                 {"timezone_variation", "timezoneVariation"},
                                                                 {"startdate", "startDate"},
                                                                 {"start_date", "startDate"},
                                                                 {"endDat", "endDate"},
                                                                 {"dateStart", "startDate"},
                                                                 {"dateEnd", "endDate"},
                                                                 {"currency", "currencyCode"},
                                                                 {"currencycode", "currencyCode"},
                                                                 {"metric", "metrics"},
                                                                 {"dimension", "dimensions"},
                                                                 {"groupBy", "dimensions"},
                                                                 {"dimensionFilter", "dimensionFilters"},
                                                                 {"orderBy", "orderBys"},
                                                                 {"Interval", "interval"},
                                                                 {"timezone", "timezoneVariation"}};
  for (const auto& [sent, meant] : near) {
    const std::string body = "{\"" + sent + "\":\"2026-11-01\"}";
    EXPECT_EQ(query_refusal(body), "content: member \"" + sent + "\"; accepted: " + meant);
    EXPECT_EQ(query_refusal(body, lenient), "taken");
  }
  EXPECT_EQ(query_refusal(R"({"limit":1,"page":2,"somethingNew":true})"), "taken");
}

TEST(QueryBodyTest, MoreMembersThanAnyQuestionHasAreRefusedWhenStrict) {
  const auto with_members = [](int count) {
    std::string body = "{";
    for (int i = 0; i < count; ++i)
      body.append(i == 0 ? "" : ",").append("\"member" + std::to_string(i) + "\":1");
    return body + "}";
  };
  EXPECT_EQ(query_refusal(with_members(64)), "taken");
  EXPECT_EQ(query_refusal(with_members(65)), "content: has 65 members; accepted: at most 64");
  EXPECT_EQ(query_refusal(with_members(65), lenient), "taken");
}

TEST(QueryBodyTest, TheRangeEndsInItsLaterReadingOnItsOwnClock) {
  EXPECT_EQ(query_end_of(R"({"endDate":"2026-11-02","timezoneVariation":"America/New_York"})"),
            moment("2026-11-03T00:00:00", "America/New_York"));
  EXPECT_EQ(query_end_of(R"({"endDate":"2026-11-02T23:59:59.000","timezoneVariation":"Asia/Kathmandu"})"),
            moment("2026-11-02T23:59:59", "Asia/Kathmandu"));
}

TEST(QueryBodyTest, WithoutAKnownZoneTheRangeEndsOnTheLastClockOnEarth) {
  EXPECT_EQ(query_end_of(R"({"endDate":"2026-11-02"})"), moment("2026-11-03T12:00:00", "UTC"));
  EXPECT_EQ(query_end_of(R"({"endDate":"2026-11-02","timezoneVariation":"Mars/Olympus"})"),
            moment("2026-11-03T12:00:00", "UTC"));
}

TEST(QueryBodyTest, AnEndThatIsNoDateLeavesTheRangeOpen) {
  EXPECT_EQ(query_end_of(R"({"startDate":"2026-11-02"})"), std::nullopt);
  EXPECT_EQ(query_end_of(R"({"endDate":"yesterday"})"), std::nullopt);
  EXPECT_EQ(query_end_of(R"({"endDate":20261102})"), std::nullopt);
  EXPECT_EQ(query_end_of(R"({"endDate":"2026\u002011-02"})"), std::nullopt);
}

}  // namespace
}  // namespace roktcached::rokt
