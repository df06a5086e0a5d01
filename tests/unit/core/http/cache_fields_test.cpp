#include <gtest/gtest.h>

#include "core/http/cache_control.h"
#include "core/http/cache_status.h"
#include "core/http/date.h"
#include "core/http/validators.h"

namespace roktcached::http {
namespace {

using std::chrono::seconds;

RequestDirectives directives(std::string_view value) {
  Fields fields;
  fields.add("Cache-Control", value);
  return parse_request_directives(fields);
}

TEST(RequestDirectives, AreRead) {
  const auto all =
      directives("no-cache, NO-STORE, only-if-cached, max-age=5, min-fresh=\"6\", max-stale=7, unknown=8");
  EXPECT_TRUE(all.no_cache);
  EXPECT_TRUE(all.no_store);
  EXPECT_TRUE(all.only_if_cached);
  EXPECT_EQ(all.max_age, seconds{5});
  EXPECT_EQ(all.min_fresh, seconds{6});
  EXPECT_EQ(all.max_stale, seconds{7});
}

TEST(RequestDirectives, WithoutAFieldNothingIsAsked) {
  const auto none = parse_request_directives({});
  EXPECT_FALSE(none.no_cache || none.no_store || none.only_if_cached);
  EXPECT_FALSE(none.max_age || none.min_fresh || none.max_stale);
}

TEST(RequestDirectives, ReadDoubtfulSecondsCautiously) {
  EXPECT_EQ(directives("max-age=x").max_age, seconds{0});
  EXPECT_EQ(directives("max-age=-1").max_age, seconds{0});
  EXPECT_EQ(directives("max-age=99999999999999999999").max_age, seconds{std::int64_t{1} << 31});
  EXPECT_EQ(directives("max-age=9, max-age=3").max_age, seconds{3});
  EXPECT_EQ(directives("min-fresh=9, min-fresh=3").min_fresh, seconds{9});
  EXPECT_EQ(directives("max-stale").max_stale, seconds::max());
  for (const char* both : {"max-stale=5, max-stale=7", "max-stale=7, max-stale=5", "max-stale, max-stale=5"})
    EXPECT_EQ(directives(both).max_stale, seconds{5}) << both;
}

TEST(RequestDirectives, PragmaCountsOnlyWithoutCacheControl) {
  Fields fields;
  fields.add("Pragma", "no-cache");
  EXPECT_TRUE(parse_request_directives(fields).no_cache);
  fields.add("Cache-Control", "max-age=1");
  EXPECT_FALSE(parse_request_directives(fields).no_cache);
}

TEST(CacheStatus, IsWrittenAsTheContractSays) {
  EXPECT_EQ(to_string(CacheStatus{.hit = true, .ttl = seconds{280}}), "roktcached; hit; ttl=280");
  EXPECT_EQ(to_string(CacheStatus{.forward = Forward::miss, .stored = true, .ttl = seconds{300}}),
            "roktcached; fwd=miss; stored; ttl=300");
  EXPECT_EQ(to_string(CacheStatus{.forward = Forward::miss, .collapsed = true}),
            "roktcached; fwd=miss; collapsed");
  EXPECT_EQ(
      to_string(CacheStatus{.forward = Forward::stale, .forward_status = 503, .detail = "stale-if-error"}),
      "roktcached; fwd=stale; fwd-status=503; detail=stale-if-error");
}

TEST(CacheStatus, IsAppendedToWhatIsThere) {
  std::string line = "Cache-Status: ";
  append(line, CacheStatus{.hit = true, .ttl = seconds{-3}});
  EXPECT_EQ(line, "Cache-Status: roktcached; hit; ttl=-3");
}

TEST(Date, IsAnImfFixdate) {
  EXPECT_EQ(format_date(wall_time_from_unix_ms(784111777999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_date(wall_time_from_unix_ms(1709164800000)), "Thu, 29 Feb 2024 00:00:00 GMT");
  // Where a report's range ends that takes in the last day there is.
  EXPECT_EQ(format_date(wall_time_from_unix_ms(253402300800000)), "Sat, 01 Jan 10000 00:00:00 GMT");
}

TEST(EntityTag, IsStrongAndFollowsTheBody) {
  EXPECT_EQ(entity_tag_of(""), "\"e3b0c44298fc1c149afbf4c8996fb924\"");
  EXPECT_NE(entity_tag_of("a"), entity_tag_of("b"));
}

TEST(IfNoneMatch, ComparesWeakly) {
  Fields request;
  EXPECT_FALSE(none_match_fails(request, "\"a\""));
  request.add("If-None-Match", "\"x\", W/\"a\"");
  EXPECT_TRUE(none_match_fails(request, "\"a\""));
  EXPECT_FALSE(none_match_fails(request, "\"b\""));
  request.set("If-None-Match", "*");
  EXPECT_TRUE(none_match_fails(request, "\"b\""));
}

TEST(NotModified, NamesAnotherByItsOpaqueTag) {
  const auto names = [](const char* tag, const char* asked_about) {
    Fields not_modified;
    if (tag != nullptr) not_modified.add("ETag", tag);
    return names_another(not_modified, asked_about);
  };
  EXPECT_TRUE(names("\"b\"", "\"a\""));
  EXPECT_TRUE(names("W/\"b\"", "\"a\""));
  for (const char* same : {"\"a\"", "W/\"a\"", "\"a-gzip\"", " \"a\" "})
    EXPECT_FALSE(names(same, "\"a\"")) << same;
  EXPECT_FALSE(names("\"a\"", "\"a-gzip\""));
  EXPECT_FALSE(names(nullptr, "\"a\""));
  EXPECT_FALSE(names("", "\"a\""));
}

}  // namespace
}  // namespace roktcached::http
