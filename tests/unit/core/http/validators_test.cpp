#include "core/http/validators.h"

#include <gtest/gtest.h>

#include "core/http/date.h"

namespace roktcached::http {
namespace {

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const char* const earlier = "Sat, 05 Nov 1994 08:49:36 GMT";
const char* const modified = "Sat, 05 Nov 1994 08:49:37 GMT";
const char* const later = "Sat, 05 Nov 1994 08:49:38 GMT";

Fields fields_of(std::initializer_list<Field> list) {
  Fields fields;
  for (const auto& field : list) fields.add(field.name, field.value);
  return fields;
}

bool since(std::initializer_list<const char*> values) {
  Fields request;
  for (const char* value : values) request.add("If-Modified-Since", value);
  return unmodified_since(request, modified, now);
}

/// RFC 9110, section 13.1.3.
TEST(UnmodifiedSince, IsJudgedByOneDateAlone) {
  EXPECT_TRUE(since({modified}));
  EXPECT_TRUE(since({later}));
  EXPECT_FALSE(since({earlier}));
  EXPECT_FALSE(since({}));
  EXPECT_FALSE(since({"yesterday"}));
  EXPECT_FALSE(since({modified, modified})) << "two dates are none, though they agree";
  EXPECT_FALSE(since({later, earlier}));
  EXPECT_FALSE(unmodified_since(fields_of({{"If-Modified-Since", later}}), "never", now));
}

TEST(NotModified, IsJudgedByTheTagWhereOneIsAskedAbout) {
  const Fields stored = fields_of({{"ETag", "\"a\""}, {"Last-Modified", modified}});
  EXPECT_TRUE(is_not_modified(fields_of({{"If-None-Match", "\"a\""}}), stored, now));
  EXPECT_TRUE(is_not_modified(fields_of({{"If-None-Match", "\"b\", W/\"a\""}}), stored, now));
  EXPECT_TRUE(is_not_modified(fields_of({{"If-None-Match", "*"}}), stored, now));
  EXPECT_FALSE(is_not_modified(fields_of({{"If-None-Match", "\"b\""}}), stored, now));
  EXPECT_FALSE(
      is_not_modified(fields_of({{"If-None-Match", "\"b\""}, {"If-Modified-Since", later}}), stored, now));
  EXPECT_FALSE(is_not_modified({}, stored, now)) << "nothing was asked";
}

TEST(NotModified, IsJudgedByTheDateWhereTheOriginHasSaidNoTime) {
  const Fields request = fields_of({{"If-Modified-Since", modified}});
  EXPECT_TRUE(is_not_modified(request, fields_of({{"Last-Modified", modified}}), now));
  EXPECT_FALSE(is_not_modified(request, fields_of({{"Last-Modified", later}}), now));
  EXPECT_TRUE(is_not_modified(request, fields_of({{"Date", modified}}), now));
  EXPECT_FALSE(is_not_modified(request, fields_of({{"Date", later}}), now));
  EXPECT_FALSE(is_not_modified(request, fields_of({{"Last-Modified", later}, {"Date", modified}}), now));
  EXPECT_FALSE(is_not_modified(request, {}, now));
}

TEST(NamesAnother, SeesThroughTheMarksOfOneRepresentation) {
  const auto named = [](const char* tag) { return fields_of({{"ETag", tag}}); };
  for (const char* same : {"\"v1\"", "W/\"v1\"", "\"v1-gzip\"", " \"v1\" ", ""})
    EXPECT_FALSE(names_another(named(same), "\"v1\"")) << same;
  EXPECT_FALSE(names_another({}, "\"v1\"")) << "a 304 need not say its tag";
  for (const char* other : {"\"v2\"", "W/\"v2\"", "\"v1x\"", "\"v\"", "v1"})
    EXPECT_TRUE(names_another(named(other), "\"v1\"")) << other;
}

TEST(NotModified, CarriesNothingOfTheContent) {  // RFC 9110, section 15.4.5
  for (const char* name : {"content-length", "Content-Type", "Content-Encoding", "Content-Language",
                           "Content-Range", "Content-Digest", "Content-MD5", "Repr-Digest"})
    EXPECT_FALSE(belongs_in_not_modified(name)) << name;
  for (const char* name : {"ETag", "Date", "Cache-Control", "Vary", "Content-Location", "Expires"})
    EXPECT_TRUE(belongs_in_not_modified(name)) << name;
}

}  // namespace
}  // namespace roktcached::http
