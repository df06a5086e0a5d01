#include "core/http/structured_fields.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

DictionaryValue value_of(std::string_view text, std::string_view key) {
  const auto members = parse_dictionary(text);
  if (!members) return std::string("does not parse");
  for (const auto& member : *members) {
    if (member.key == key) return member.value;
  }
  return std::string("no such key");
}

TEST(Dictionary, HasValuesOfItsTypes) {
  EXPECT_EQ(value_of("max-age=3600", "max-age"), DictionaryValue(std::int64_t{3600}));
  EXPECT_EQ(value_of("max-age=-1", "max-age"), DictionaryValue(std::int64_t{-1}));
  EXPECT_EQ(value_of("no-store", "no-store"), DictionaryValue(true));
  EXPECT_EQ(value_of("no-store=?0", "no-store"), DictionaryValue(false));
  EXPECT_EQ(value_of("private=\"a, \\\"b\\\"\"", "private"), DictionaryValue(std::string("a, \"b\"")));
  for (const char* ignored : {"a=1.5", "a=token/x", "a=:aGVsbG8=:", "a=(1 \"x\";q=1 b)", "a=()"})
    EXPECT_EQ(value_of(ignored, "a"), DictionaryValue()) << ignored;
}

TEST(Dictionary, KeepsTheLastOfARepeatedKeyAndDropsParameters) {
  EXPECT_EQ(value_of("a=1, b, a=2", "a"), DictionaryValue(std::int64_t{2}));
  EXPECT_EQ(value_of("a;x=1;y, b=3;z=\"q\"", "a"), DictionaryValue(true));
  EXPECT_EQ(value_of("a;x=1;y, b=3;z=\"q\"", "b"), DictionaryValue(std::int64_t{3}));
  EXPECT_EQ(value_of("  a=1 \t,\t b=2  ", "b"), DictionaryValue(std::int64_t{2}));
}

TEST(Dictionary, MayHaveManyMembers) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "k" + std::to_string(i) + ",";
  text += "k7=1" + std::string(200'000, ' ');
  const auto members = parse_dictionary(text);
  ASSERT_TRUE(members);
  EXPECT_EQ(members->size(), 200'000U);
  EXPECT_EQ(value_of(text, "k7"), DictionaryValue(std::int64_t{1}));
  EXPECT_EQ(value_of(text, "k8"), DictionaryValue(true));
}

TEST(Dictionary, OfNothingHasNoMembers) {
  for (const char* empty : {"", "   "}) {
    const auto members = parse_dictionary(empty);
    ASSERT_TRUE(members) << empty;
    EXPECT_TRUE(members->empty());
  }
}

TEST(Dictionary, WithOneErrorAnywhereIsNone) {
  for (const char* wrong : {"max-age=10000, &&&&&",
                            "MaX-aGe=1",
                            "a=",
                            "a =1",
                            "a= 1",
                            "a=1,",
                            "a=1,,b",
                            ",a",
                            "a=1 b",
                            "a=\"x",
                            "a=\"\x7f\"",
                            "a=\"\\x\"",
                            "a=1234567890123456",
                            "a=1.",
                            "a=1.2345",
                            "a=-",
                            "a=?2",
                            "a=:x",
                            "a=(1",
                            "a=(1,2)",
                            "a;=1",
                            "1a=1",
                            "a=1;",
                            "\ta=1",
                            "a=1\t"}) {
    EXPECT_FALSE(parse_dictionary(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace roktcached::http
