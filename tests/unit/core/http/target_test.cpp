#include "core/http/target.h"

#include <gtest/gtest.h>

#include <utility>

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

TEST(Query, DecodesWhatIsEncodedAndNothingElse) {
  const auto parameters = parse_query("%41b%2f%42=x%20%7Ey%20&plain=1%2F2");
  ASSERT_EQ(parameters.size(), 2U);
  EXPECT_EQ(parameters[0].name, "Ab/B");
  EXPECT_EQ(parameters[0].value, "x ~y ");
  EXPECT_EQ(parameters[0].canonical_name, "Ab%2fB");
  EXPECT_EQ(parameters[0].canonical_value, "x%20~y%20");
  EXPECT_EQ(parameters[1].name, "plain");
  EXPECT_EQ(parameters[1].value, "1/2");
  EXPECT_EQ(parameters[1].canonical_value, "1%2F2");
}

TEST(Query, StaysWhatItIsWhenItMoves) {
  Query first = parse_query("a=%41&b=%42%2Fa-text-too-long-to-lie-inside-a-string");
  const Query second = std::move(first);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[0].value, "A");
  EXPECT_EQ(second[1].value, "B/a-text-too-long-to-lie-inside-a-string");
  EXPECT_EQ(second[1].canonical_value, "B%2Fa-text-too-long-to-lie-inside-a-string");
}

TEST(Query, ShowsEmptyParametersToTheCaller) {
  EXPECT_TRUE(parse_query("").empty());
  EXPECT_EQ(parse_query("a=1&&b=2").size(), 3U);
  EXPECT_EQ(parse_query("a=1&").size(), 2U);
  EXPECT_EQ(parse_query("a=1&").back().name, "");
}

}  // namespace
}  // namespace roktcached::http
