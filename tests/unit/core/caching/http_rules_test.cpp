#include "core/caching/http_rules.h"

#include <gtest/gtest.h>

#include "core/http/date.h"

namespace roktcached::caching {
namespace {

using http::Fields;
using http::Forward;
using http::RequestDirectives;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const FreshnessPolicy policy;

Fields fields_of(std::initializer_list<http::Field> list) {
  Fields fields;
  for (const auto& field : list) fields.add(field.name, field.value);
  return fields;
}

std::string date(std::chrono::seconds from_now) {
  return http::format_date(now + from_now);
}

milliseconds age(std::initializer_list<http::Field> list, milliseconds delay = 0ms) {
  return initial_age(fields_of(list), now - delay, now);
}

TEST(InitialAge, IsTheLargerOfAgeAndDate) {  // RFC 9111, section 4.2.3
  EXPECT_EQ(age({}), 0ms);
  EXPECT_EQ(age({{"Age", "30"}}), 30s);
  EXPECT_EQ(age({{"Date", date(-20s)}}), 20s);
  EXPECT_EQ(age({{"Age", "30"}, {"Date", date(-20s)}}), 30s);
  EXPECT_EQ(age({{"Age", "10"}, {"Date", date(-20s)}}), 20s);
  EXPECT_EQ(age({{"Date", date(20s)}}), 0ms);
  EXPECT_EQ(age({{"Age", "10"}}, 500ms), 10s + 500ms);
}

/// RFC 9111, section 5.1, by the names that http-cache-tests gives these (age-parse-*).
TEST(AgeValue, IsTheFirstMemberOfAList) {
  const auto value = [](std::initializer_list<http::Field> list) { return age_value(fields_of(list)); };
  EXPECT_EQ(value({{"Age", "0"}}), 0s);
  EXPECT_EQ(value({{"Age", " 7200 "}}), 7200s);
  EXPECT_EQ(value({{"Age", "99999999999"}}), std::chrono::seconds{2147483648}) << "section 1.2.2";
  for (const char* list : {"7200,0", "7200, 0", "7200, 7200", "7200, -1", "7200, abc", " ,7200, 0"})
    EXPECT_EQ(value({{"Age", list}}), 7200s) << "suffix: " << list;
  for (const char* list : {"0,7200", "0, 7200", "0, 0", "0, abc"})
    EXPECT_EQ(value({{"Age", list}}), 0s) << "prefix: " << list;
  EXPECT_EQ(value({{"Age", "7200"}, {"Age", "0"}}), 7200s) << "suffix-twoline";
  EXPECT_EQ(value({{"Age", "0"}, {"age", "7200"}}), 0s) << "prefix-twoline";
  EXPECT_EQ(value({{"Age", ""}, {"Age", "7200"}}), 7200s) << "an empty member is none";
}

TEST(AgeValue, ThatIsNoNumberIsIgnored) {
  EXPECT_EQ(age_value(fields_of({})), std::nullopt);
  for (const char* invalid : {"abc", "-7200", "+7200", "7200.0", "7200;foo=bar", "7200;foo=1", "7200 s",
                              "0x10", "\"7200\"", "", ",", "abc, 7200", "-1, 7200"}) {
    EXPECT_EQ(age_value(fields_of({{"Age", invalid}})), std::nullopt) << invalid;
    EXPECT_EQ(age({{"Age", invalid}}), 0ms) << invalid;
    EXPECT_EQ(age({{"Age", invalid}, {"Date", date(-20s)}}), 20s) << invalid << ": Date still counts";
  }
}

milliseconds lifetime(std::initializer_list<http::Field> list, unsigned status = 200) {
  const Fields fields = fields_of(list);
  return freshness_lifetime(status, fields, http::parse_response_directives(fields), now);
}

TEST(FreshnessLifetime, TakesTheFirstThatIsThere) {  // RFC 9111, section 4.2.1
  EXPECT_EQ(lifetime({{"Cache-Control", "max-age=10, s-maxage=20"}, {"Expires", date(30s)}}), 20s);
  EXPECT_EQ(lifetime({{"Cache-Control", "max-age=10"}, {"Expires", date(30s)}}), 10s);
  EXPECT_EQ(lifetime({{"Expires", date(30s)}, {"Date", date(-5s)}}), 35s);
  EXPECT_EQ(lifetime({{"Expires", date(30s)}}), 30s);
  EXPECT_EQ(lifetime({{"Expires", date(30s)}, {"Date", "foo"}}), 30s);
  EXPECT_EQ(lifetime({}), 0ms);
}

TEST(FreshnessLifetime, ByAnInvalidOrRepeatedExpiresIsOver) {  // RFC 9111, section 5.3
  EXPECT_EQ(lifetime({{"Expires", "0"}, {"Last-Modified", date(-1000s)}}), 0ms);
  EXPECT_EQ(lifetime({{"Expires", date(30s)}, {"Expires", date(30s)}}), 0ms);
  EXPECT_EQ(lifetime({{"Expires", date(-30s)}}), 0ms);
}

TEST(FreshnessLifetime, ByHeuristicIsATenthOfItsAgeAtMostADay) {  // RFC 9111, section 4.2.2
  EXPECT_EQ(lifetime({{"Last-Modified", date(-1000s)}}), 100s);
  EXPECT_EQ(lifetime({{"Last-Modified", date(-100000000s)}}), std::chrono::hours{24});
  EXPECT_EQ(lifetime({{"Last-Modified", date(1000s)}}), 0ms);
  for (const unsigned status : {200U, 203U, 204U, 206U, 300U, 301U, 308U, 404U, 405U, 410U, 414U, 501U})
    EXPECT_EQ(lifetime({{"Last-Modified", date(-1000s)}}, status), 100s) << status;
  for (const unsigned status : {201U, 202U, 302U, 307U, 400U, 403U, 500U, 502U, 503U, 504U, 599U}) {
    EXPECT_EQ(lifetime({{"Last-Modified", date(-1000s)}}, status), 0ms) << status;
    EXPECT_EQ(lifetime({{"Last-Modified", date(-1000s)}, {"Cache-Control", "public"}}, status), 100s)
        << status;
  }
}

TEST(FreshnessLifetime, LeavesExpiresAsideWhereATargetedFieldCounts) {  // RFC 9213, section 2.2
  EXPECT_EQ(lifetime({{"CDN-Cache-Control", "max-age=60"}, {"Expires", date(-30s)}}), 60s);
  EXPECT_EQ(lifetime({{"CDN-Cache-Control", "public"}, {"Expires", date(30s)}}), 0ms);
}

StoredResponse response(const char* cache_control, milliseconds fresh = 60s) {
  StoredResponse stored;
  stored.head = std::string("Cache-Control: ") + cache_control + "\r\n";
  stored.fetched_at = now;
  stored.fresh_until = now + fresh;
  stored.usable_until = stored.fresh_until + policy.stale_if_error;
  return stored;
}

Decision at(milliseconds age, const RequestDirectives& request = {},
            const char* cache_control = "max-age=60") {
  const StoredResponse stored = response(cache_control);
  return decide_http(&stored, request, now + age);
}

TEST(DecideHttp, UsesWhatIsFresh) {
  EXPECT_EQ(at(0ms).action, Action::use);
  EXPECT_EQ(at(60s - 1ms).action, Action::use);
  EXPECT_EQ(at(60s).action, Action::fetch);
  EXPECT_EQ(at(60s).reason, Forward::stale);
  EXPECT_EQ(decide_http(nullptr, {}, now).reason, Forward::miss);
  EXPECT_EQ(at(60s + policy.stale_if_error).reason, Forward::miss);
}

TEST(DecideHttp, FollowsTheClientToTheLetter) {  // RFC 9111, section 5.2.1
  EXPECT_EQ(at(0ms, {.no_cache = true}).reason, Forward::request);
  EXPECT_EQ(at(10s, {.max_age = 10s}).action, Action::use);
  EXPECT_EQ(at(10s + 1ms, {.max_age = 10s}).reason, Forward::request);
  EXPECT_EQ(at(15s, {.max_age = 10s, .max_stale = 5s}).action, Action::use);
  EXPECT_EQ(at(15s + 1ms, {.max_age = 10s, .max_stale = 5s}).reason, Forward::request);
  EXPECT_EQ(at(50s, {.min_fresh = 10s}).action, Action::use);
  EXPECT_EQ(at(50s + 1ms, {.min_fresh = 10s}).reason, Forward::request);
  EXPECT_EQ(at(70s, {.max_stale = 10s}).action, Action::use);
  EXPECT_EQ(at(70s + 1ms, {.max_stale = 10s}).action, Action::fetch);
  EXPECT_EQ(at(10000s, {.max_stale = std::chrono::seconds::max()}).action, Action::use);
  EXPECT_EQ(at(60s, {.only_if_cached = true}).action, Action::refuse);
  EXPECT_EQ(at(10s, {.only_if_cached = true}).action, Action::use);
}

TEST(DecideHttp, NeverServesStaleWhatForbidsIt) {  // RFC 9111, section 4.2.4
  for (const char* forbids : {"max-age=60, must-revalidate", "max-age=60, proxy-revalidate", "s-maxage=60",
                              "no-cache", "max-age=60, must-revalidate, stale-while-revalidate=1000"}) {
    EXPECT_EQ(at(61s, {.max_stale = 1000s}, forbids).action, Action::fetch) << forbids;
    EXPECT_EQ(at(61s, {}, forbids).action, Action::fetch) << forbids;
    const StoredResponse stored = response(forbids);
    EXPECT_FALSE(may_stand_in_http(&stored, Failure::no_answer, policy, now + 61s)) << forbids;
  }
}

TEST(DecideHttp, RefreshesBehindWhileTheUpstreamAllowsIt) {  // RFC 5861, section 3
  const char* const allows = "max-age=60, stale-while-revalidate=30";
  EXPECT_EQ(at(90s, {}, allows).action, Action::use_and_refresh);
  EXPECT_EQ(at(90s + 1ms, {}, allows).action, Action::fetch);
  EXPECT_EQ(at(70s, {.max_age = 1000s}, allows).action, Action::fetch);
  EXPECT_EQ(at(70s, {.only_if_cached = true}, allows).action, Action::use);
}

TEST(DecideHttp, BelievesNoStalenessAfterTheClockWasSetBack) {
  const char* const allows = "max-age=60, stale-while-revalidate=30";
  EXPECT_EQ(at(-5s, {}, allows).action, Action::use);  // clocks may differ by that much
  EXPECT_EQ(at(-5s - 1ms, {}, allows).reason, Forward::stale);
  EXPECT_EQ(at(-24h, {.max_stale = 10s}).reason, Forward::stale);
}

TEST(MayStandInHttp, NotFromAFutureFurtherAwayThanItMayBeStale) {  // a clock set back makes nothing immortal
  const StoredResponse allows = response("max-age=60, stale-if-error=30");
  EXPECT_TRUE(may_stand_in_http(&allows, Failure::error_status, policy, now - 30s));
  EXPECT_FALSE(may_stand_in_http(&allows, Failure::error_status, policy, now - 30s - 1ms));
  const StoredResponse plain = response("max-age=60");
  EXPECT_TRUE(may_stand_in_http(&plain, Failure::no_answer, policy, now - policy.stale_if_error));
  EXPECT_FALSE(may_stand_in_http(&plain, Failure::no_answer, policy, now - policy.stale_if_error - 1ms));
}

TEST(MayStandInHttp, WhereTheUpstreamIsGoneOrAllowsIt) {  // RFC 9111, section 4.2.4; RFC 5861, section 4
  const StoredResponse plain = response("max-age=60");
  EXPECT_TRUE(may_stand_in_http(&plain, Failure::no_answer, policy, now + 61s));
  EXPECT_FALSE(may_stand_in_http(&plain, Failure::error_status, policy, now + 61s));
  EXPECT_FALSE(may_stand_in_http(&plain, Failure::no_answer, policy, now + 60s + policy.stale_if_error));
  const StoredResponse allows = response("max-age=60, stale-if-error=30");
  for (const auto failure : {Failure::no_answer, Failure::error_status}) {
    EXPECT_TRUE(may_stand_in_http(&allows, failure, policy, now + 90s));
    EXPECT_FALSE(may_stand_in_http(&allows, failure, policy, now + 90s + 1ms));
  }
  EXPECT_FALSE(may_stand_in_http(nullptr, Failure::no_answer, policy, now));
}

TEST(Freshened, KeepsWhatBelongsToTheContent) {  // RFC 9111, section 3.2
  const Fields before =
      fields_of({{"ETag", "\"a\""}, {"Content-Encoding", "gzip"}, {"X", "1"}, {"x", "2"}, {"Y", "1"}});
  const Fields update = fields_of({{"ETag", "\"b\""}, {"Content-Encoding", "br"}, {"X", "3"}, {"Z", "1"}});
  EXPECT_EQ(freshened(before, update).to_lines(),
            "ETag: \"a\"\r\nContent-Encoding: gzip\r\nY: 1\r\nX: 3\r\nZ: 1\r\n");
}

TEST(SameRepresentation, IsToldByValidatorsAndLength) {  // RFC 9111, section 4.3.5
  const Fields stored = fields_of({{"ETag", "\"a\""}, {"Last-Modified", date(-9s)}});
  EXPECT_TRUE(same_representation(stored, 5, fields_of({})));
  EXPECT_TRUE(same_representation(stored, 5, fields_of({{"ETag", "\"a\""}, {"Content-Length", "5"}})));
  EXPECT_FALSE(same_representation(stored, 5, fields_of({{"ETag", "\"b\""}})));
  EXPECT_FALSE(same_representation(stored, 5, fields_of({{"Last-Modified", date(-8s)}})));
  EXPECT_FALSE(same_representation(stored, 5, fields_of({{"Content-Length", "6"}})));
}

TEST(StorableFields, LeaveOutWhatIsOfOneConnectionOrOurs) {  // RFC 9111, section 3.1
  const Fields upstream = fields_of({{"Connection", "a, close"},
                                     {"A", "1"},
                                     {"B", "2"},
                                     {"Keep-Alive", "x"},
                                     {"Transfer-Encoding", "chunked"},
                                     {"Age", "3"},
                                     {"Content-Length", "4"},
                                     {"X-Request-Id", "5"},
                                     {"Set-Cookie", "6"},
                                     {"Date", "7"}});
  EXPECT_EQ(storable_fields(upstream).to_lines(), "B: 2\r\nSet-Cookie: 6\r\nDate: 7\r\n");
}

}  // namespace
}  // namespace roktcached::caching
