#include "server/proxy/report/json_diff.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace roktcached::proxy {
namespace {

namespace json = boost::json;

TEST(MovedFields, EachIsNamedWithItsValueBeforeAndAfter) {
  EXPECT_EQ(
      moved_fields(R"({"revenue":1.5,"name":"a","same":[1,2]})", R"({"revenue":2,"same":[1,2],"name":"b"})"),
      R"([{"field":"/revenue","before":1.5E0,"after":2},{"field":"/name","before":"a","after":"b"}])");
}

TEST(MovedFields, NestedOnesHavePointers) {
  EXPECT_EQ(
      json::parse(moved_fields(R"({"items":[{"a/b":1},{"c~d":2}]})", R"({"items":[{"a/b":1},{"c~d":3}]})")),
      json::parse(R"([{"field":"/items/1/c~0d","before":2,"after":3}])"));
  EXPECT_EQ(json::parse(moved_fields(R"({"items":[{"a/b":1}]})", R"({"items":[{"a/b":{}}]})")),
            json::parse(R"([{"field":"/items/0/a~1b","before":1,"after":"{...}"}])"));
}

TEST(MovedFields, WhatCameOrWentHasNullOnOneSide) {
  EXPECT_EQ(json::parse(moved_fields(R"({"gone":1})", R"({"new":true})")),
            json::parse(R"([{"field":"/gone","before":1,"after":null},
                            {"field":"/new","before":null,"after":true}])"));
}

TEST(MovedFields, AnArrayOfAnotherLengthMovedAsAWhole) {
  EXPECT_EQ(json::parse(moved_fields(R"({"rows":[1,2]})", R"({"rows":[0,1,2]})")),
            json::parse(R"([{"field":"/rows","before":"[2 elements]","after":"[3 elements]"}])"));
}

TEST(MovedFields, LongTextsAreNotShown) {
  const std::string after = "{\"name\":\"" + std::string(1000, 'x') + "\"}";
  EXPECT_EQ(json::parse(moved_fields(R"({"name":"a"})", after)),
            json::parse(R"([{"field":"/name","before":"a","after":"[long text]"}])"));
}

TEST(MovedFields, TheLogGetsTheNamesAlone) {
  EXPECT_EQ(names_of(moved_fields(R"({"a":1,"b":[1]})", R"({"a":2,"b":[2]})")), "/a, /b/0");
  EXPECT_EQ(names_of("[]"), "");
  EXPECT_EQ(names_of("nonsense"), "");
}

TEST(MovedFields, ManyAreCountedRatherThanTold) {
  std::string before = "[0";
  std::string after = "[1";
  for (int i = 1; i < 50; ++i) {
    before += ",0";
    after += ",1";
  }
  const json::value moved = json::parse(moved_fields(before + "]", after + "]"));
  ASSERT_EQ(moved.get_array().size(), 33U);
  EXPECT_EQ(moved.at(32).at("more"), 18);
}

TEST(MovedFields, WhatIsNoJsonOrTooLongHasNone) {
  EXPECT_EQ(moved_fields("{}", "<html>"), "[]");
  EXPECT_EQ(moved_fields("", "{}"), "[]");
  EXPECT_EQ(moved_fields(R"({"a":1}, {"a":2})", "{}"), "[]") << "two values are no JSON text";
  EXPECT_EQ(moved_fields("[1]", "[2" + std::string(300'000, ' ') + "]"), "[]");
}

}  // namespace
}  // namespace roktcached::proxy
