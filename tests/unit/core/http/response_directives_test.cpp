#include <gtest/gtest.h>

#include "core/http/cache_control.h"

namespace roktcached::http {
namespace {

using namespace std::chrono_literals;

ResponseDirectives parse(std::initializer_list<Field> fields) {
  Fields response;
  for (const auto& field : fields) response.add(field.name, field.value);
  return parse_response_directives(response);
}

ResponseDirectives cache_control(const char* value) {
  return parse({{"Cache-Control", value}});
}

TEST(ResponseDirectives, ReadsEach) {
  const auto all = parse({{"Cache-Control", "no-store, No-Cache, private, public, must-revalidate"},
                          {"cache-control", "proxy-revalidate, must-understand, max-age=1, s-maxage=2"},
                          {"Cache-Control", "stale-while-revalidate=3, stale-if-error=4"}});
  EXPECT_TRUE(all.no_store && all.no_cache && all.private_all && all.public_ && all.must_revalidate);
  EXPECT_TRUE(all.proxy_revalidate && all.must_understand);
  EXPECT_EQ(all.max_age, 1s);
  EXPECT_EQ(all.s_maxage, 2s);
  EXPECT_EQ(all.stale_while_revalidate, 3s);
  EXPECT_EQ(all.stale_if_error, 4s);
  EXPECT_FALSE(all.targeted);
}

TEST(ResponseDirectives, ReadsANumberThatIsNoneAsZero) {  // RFC 9111, section 4.2.1
  for (const char* wrong : {"max-age=-3600", "max-age='3600'", "max-age=a3600", "max-age=3600a",
                            "max-age=3600.0", "max-age=", "max-age", "max-age= 3600"})
    EXPECT_EQ(cache_control(wrong).max_age, 0s) << wrong;
  EXPECT_FALSE(cache_control("max-age =3600").max_age);
}

TEST(ResponseDirectives, ReadsQuotedLargeAndPaddedNumbers) {
  EXPECT_EQ(cache_control("max-age=\"3600\"").max_age, 3600s);
  EXPECT_EQ(cache_control("max-age=003600").max_age, 3600s);
  EXPECT_EQ(cache_control("max-age=99999999999").max_age, 2147483648s);
  EXPECT_EQ(cache_control("max-age=99999999999999999999999").max_age, 2147483648s);
}

TEST(ResponseDirectives, ReadsNothingInsideAQuotedString) {
  EXPECT_EQ(cache_control("extension=\"max-age=3600, no-store\", max-age=1").max_age, 1s);
  EXPECT_FALSE(cache_control("extension=\"max-age=3600, no-store\", max-age=1").no_store);
}

TEST(ResponseDirectives, BelievesNoneOfTwoDifferentValues) {
  EXPECT_EQ(cache_control("max-age=1800, max-age=1800").max_age, 1800s);
  EXPECT_EQ(cache_control("max-age=1800, max-age=3600").max_age, 0s);
  EXPECT_EQ(parse({{"Cache-Control", "s-maxage=1"}, {"Cache-Control", "s-maxage=5"}}).s_maxage, 0s);
}

TEST(ResponseDirectives,
     WithNamesPrivateAndNoCacheHoldBackFieldsOnly) {  // RFC 9111, sections 5.2.2.4 and 5.2.2.7
  const auto named = cache_control("no-cache=\"a, b\", private=c, max-age=9");
  EXPECT_FALSE(named.no_cache || named.private_all);
  EXPECT_EQ(named.withheld, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(ResponseDirectives, PrivateAndNoCacheThatNameNoFieldAreAboutAll) {
  for (const char* all : {"private=\"\"", "private=", "private=\" , \"", "private = \"\""})
    EXPECT_TRUE(cache_control(all).private_all) << all;
  for (const char* all : {"no-cache=\"\"", "no-cache="}) EXPECT_TRUE(cache_control(all).no_cache) << all;
  EXPECT_EQ(cache_control("private =\"x\"").withheld, std::vector<std::string>{"x"});
  EXPECT_TRUE(parse({{"CDN-Cache-Control", "private=\"\""}}).private_all);
}

TEST(TargetedDirectives, TakeThePlaceOfCacheControl) {  // RFC 9213, section 2.2
  const auto targeted = parse({{"Cache-Control", "no-store"}, {"CDN-Cache-Control", "max-age=600, foobar"}});
  EXPECT_TRUE(targeted.targeted);
  EXPECT_FALSE(targeted.no_store);
  EXPECT_EQ(targeted.max_age, 600s);
  const auto own = parse({{"CDN-Cache-Control", "max-age=600"}, {"Roktcached-Cache-Control", "no-store"}});
  EXPECT_TRUE(own.no_store);
  EXPECT_FALSE(own.max_age);
}

TEST(TargetedDirectives, CountNotWhereTheyAreEmptyOrWrong) {  // RFC 9213, section 2.1
  for (const char* wrong :
       {"", "max-age=10000, &&&&&", "max-age=\"10000\"", "max-age", "no-store=1", "private=3"}) {
    const auto directives = parse({{"Cache-Control", "no-store"}, {"CDN-Cache-Control", wrong}});
    EXPECT_TRUE(directives.no_store) << wrong;
    EXPECT_FALSE(directives.targeted) << wrong;
  }
}

TEST(TargetedDirectives, NeverCountBelowZero) {
  EXPECT_EQ(parse({{"CDN-Cache-Control", "max-age=-5"}}).max_age, 0s);
  EXPECT_EQ(parse({{"CDN-Cache-Control", "max-age=99999999999"}}).max_age, 2147483648s);
}

}  // namespace
}  // namespace roktcached::http
