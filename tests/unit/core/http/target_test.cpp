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

TEST(Query, DecodesAndHasOneCanonicalSpelling) {
  const auto parameters = parse_query("%61=%41%2F+&b&c=");
  ASSERT_EQ(parameters.size(), 3U);
  EXPECT_EQ(parameters[0].name, "a");
  EXPECT_EQ(parameters[0].value, "A/+");
  EXPECT_EQ(parameters[0].canonical_name, "a");
  EXPECT_EQ(parameters[0].canonical_value, "A/+");
  EXPECT_FALSE(parameters[1].has_value);
  EXPECT_TRUE(parameters[2].has_value);
}

TEST(Query, DecodesWhatIsEncodedAndNothingElse) {
  const auto parameters = parse_query("%41b%2f%42=x%20%7Ey%20&plain=1%2F2");
  ASSERT_EQ(parameters.size(), 2U);
  EXPECT_EQ(parameters[0].name, "Ab/B");
  EXPECT_EQ(parameters[0].value, "x ~y ");
  EXPECT_EQ(parameters[0].canonical_name, "Ab/B");
  EXPECT_EQ(parameters[0].canonical_value, "x%20~y%20");
  EXPECT_EQ(parameters[1].name, "plain");
  EXPECT_EQ(parameters[1].value, "1/2");
  EXPECT_EQ(parameters[1].canonical_value, "1/2");
}

TEST(Query, OneSpellingOfEachOctet) {
  for (const char* same : {"n=a:b/c", "n=a%3Ab%2Fc", "n=a%3ab%2fc", "%6e=%61%3A%62/%63"})
    EXPECT_EQ(parse_query(same)[0].canonical_value, "a:b/c") << same;
  for (const char* same : {"n=a,b;c=d[e]", "n=a%2cb%3bc%3dd%5be%5d", "n=a%2Cb%3Bc%3Dd%5Be%5D"})
    EXPECT_EQ(parse_query(same)[0].canonical_value, "a%2Cb%3Bc%3Dd%5Be%5D") << same;
  EXPECT_EQ(parse_query("a%3db=1")[0].canonical_name, "a%3Db");
  EXPECT_EQ(parse_query("n=%26%25%00%c3%a4")[0].canonical_value, "%26%25%00%C3%A4");
}

TEST(Query, APlusThatWasSentAsItselfStaysApart) {
  EXPECT_EQ(parse_query("n=a+b")[0].canonical_value, "a+b");
  EXPECT_EQ(parse_query("n=a%2Bb")[0].canonical_value, "a%2Bb");
  EXPECT_EQ(parse_query("n=a%2bb")[0].canonical_value, "a%2Bb");
  EXPECT_EQ(parse_query("n=a%20b")[0].canonical_value, "a%20b");
}

TEST(Query, StaysWhatItIsWhenItMoves) {
  Query first = parse_query("a=%41&b=%42%2Fa-text-too-long-to-lie-inside-a-string");
  const Query second = std::move(first);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[0].value, "A");
  EXPECT_EQ(second[1].value, "B/a-text-too-long-to-lie-inside-a-string");
  EXPECT_EQ(second[1].canonical_value, "B/a-text-too-long-to-lie-inside-a-string");
}

TEST(Query, SkipsEmptyPairs) {
  for (const char* none : {"", "&", "&&&"}) EXPECT_TRUE(parse_query(none).empty()) << none;
  for (const char* two : {"a=1&b=2", "a=1&&b=2", "&a=1&b=2", "a=1&b=2&", "&&a=1&&&b=2&&"})
    EXPECT_EQ(parse_query(two).size(), 2U) << two;
  EXPECT_EQ(parse_query("a=1&=2")[1].name, "") << "a value without a name is no empty pair";
}

TEST(DecodeUnreserved, DecodesWhatMeansTheSameAndNothingElse) {
  std::string storage;
  EXPECT_EQ(decode_unreserved("/a/41", storage), "/a/41");
  EXPECT_EQ(decode_unreserved("/%61/%34%31%7e", storage), "/a/41~");
  EXPECT_EQ(decode_unreserved("/a%2Fb%2f%20%25%34%31", storage), "/a%2Fb%2f%20%2541");
  EXPECT_EQ(decode_unreserved("/%2e%2E/a", storage), "/../a");
}

}  // namespace
}  // namespace roktcached::http
