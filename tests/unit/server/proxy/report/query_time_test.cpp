#include "server/proxy/report/query_time.h"

#include <gtest/gtest.h>

namespace roktcached::proxy {
namespace {

TEST(QueryTimeTest, IsMaskedAtTheTopAlone) {
  EXPECT_EQ(without_query_time(R"({"queryTimeMs":123,"data":[]})"), R"({"queryTimeMs":0,"data":[]})");
  EXPECT_EQ(without_query_time("{\"data\":[], \"queryTimeMs\" :\n 1.5e3 }"),
            "{\"data\":[], \"queryTimeMs\" :\n 0 }");
  for (const char* body :
       {R"({"data":[{"queryTimeMs":1}]})", R"({"data":{"queryTimeMs":1}})", R"({"a":"queryTimeMs","b":1})",
        R"({"queryTimeMs":"7"})", R"(["queryTimeMs",1])", R"({"a":"\"queryTimeMs\":1"})",
        R"({"queryTimeMs2":1})", "[]", "1", "\"\\\"", ""}) {
    EXPECT_EQ(without_query_time(body), body);
  }
}

TEST(QueryTimeTest, OnlyTheTimeMayDiffer) {
  EXPECT_TRUE(same_but_for_query_time(R"({"queryTimeMs":1,"data":[1]})", R"({"queryTimeMs":22,"data":[1]})"));
  EXPECT_FALSE(same_but_for_query_time(R"({"queryTimeMs":1,"data":[1]})", R"({"queryTimeMs":1,"data":[2]})"));
  EXPECT_FALSE(same_but_for_query_time(R"({"queryTimeMs":1,"data":[1]})", R"({"data":[1]})"));
  EXPECT_FALSE(same_but_for_query_time(R"({"data":[{"queryTimeMs":1}]})", R"({"data":[{"queryTimeMs":2}]})"));
}

}  // namespace
}  // namespace roktcached::proxy
