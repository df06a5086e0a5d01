#include "core/http/target.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

TEST(Target, SplitsAtTheFirstQuestionMark) {
  const auto target = parse_target("/a/b?x=1?y");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b");
  EXPECT_EQ(target->query, "x=1?y");
  EXPECT_EQ(parse_target("/")->query, "");
}

TEST(Target, TakesOriginFormAlone) {
  for (const std::string_view bad : {"", "a", "*", "http://h/", "h:443"})
    EXPECT_FALSE(parse_target(bad)) << bad;
}

TEST(Target, RefusesBytesThatMustBeEncoded) {
  for (const std::string_view bad : {"/a b", "/a#b", "/a\\b", "/a\"b", "/a<b", "/a|b", "/a{b}", "/a^b",
                                     "/a`b", "/\x7f", "/\xc3\xa4", "/a\tb", "/a\rb"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
  EXPECT_FALSE(parse_target(std::string_view("/a\0b", 4)));
}

TEST(Target, RefusesAPercentWithoutTwoHexDigits) {
  for (const std::string_view bad : {"/%", "/%4", "/a?b=%zz", "/%4g", "/%%41"})
    EXPECT_FALSE(parse_target(bad)) << bad;
  EXPECT_TRUE(parse_target("/%41?b=%c3%A4"));
}

TEST(Query, DecodesAndKeepsTheCanonicalSpelling) {
  const auto parameters = parse_query("%61=%41%2F+&b&c=");
  ASSERT_EQ(parameters.size(), 3U);
  EXPECT_EQ(parameters[0].name, "a");
  EXPECT_EQ(parameters[0].value, "A/+");
  EXPECT_EQ(parameters[0].canonical_name, "a");
  EXPECT_EQ(parameters[0].canonical_value, "A%2F+");
  EXPECT_FALSE(parameters[1].has_value);
  EXPECT_TRUE(parameters[2].has_value);
}

TEST(Query, ShowsEmptyParametersToTheCaller) {
  EXPECT_TRUE(parse_query("").empty());
  EXPECT_EQ(parse_query("a=1&&b=2").size(), 3U);
  EXPECT_EQ(parse_query("a=1&").size(), 2U);
  EXPECT_EQ(parse_query("a=1&").back().name, "");
}

}  // namespace
}  // namespace roktcached::http
