#include "server/admin/warm_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal_of_warm(std::string_view content) {
  const auto request = parse_warm(content);
  return request ? "accepted" : request.error().context;
}

TEST(WarmRequest, NamesTargets) {
  const auto request = parse_warm(R"({"targets": ["/a?b=c", "/d"], "rokt_version": "2020"})").value();
  EXPECT_THAT(request.targets, ElementsAre("/a?b=c", "/d"));
  EXPECT_EQ(request.rokt_version, "2020");
  std::string most = R"({"targets": ["/a")";
  for (int i = 1; i < 100; ++i) most += R"(, "/a")";
  EXPECT_EQ(parse_warm(most + "]}").value().targets.size(), 100U);
}

TEST(WarmRequest, WhatIsWrongIsNamedWithWhatIsAccepted) {
  EXPECT_THAT(refusal_of_warm("nonsense"), HasSubstr("accepted: a JSON object with \"targets\""));
  EXPECT_THAT(refusal_of_warm("[]"), HasSubstr("content: []"));
  EXPECT_THAT(refusal_of_warm("{}"), HasSubstr("targets: is missing"));
  EXPECT_THAT(refusal_of_warm(R"({"targets": []})"),
              HasSubstr("targets: 0 of them; accepted: an array of 1 to 100"));
  EXPECT_THAT(refusal_of_warm(R"({"targets": [7]})"), HasSubstr("targets: 7"));
  EXPECT_THAT(refusal_of_warm(R"({"targets": [""]})"), HasSubstr("targets: \"\""));
  EXPECT_THAT(refusal_of_warm(R"({"target": "/a"})"), HasSubstr("\"target\": is unknown"));
  EXPECT_THAT(refusal_of_warm(R"({"targets": ["/a"], "rokt_version": 1})"), HasSubstr("rokt_version: 1"));
  std::string many = R"({"targets": ["/a")";
  for (int i = 0; i < 100; ++i) many += R"(, "/a")";
  EXPECT_THAT(refusal_of_warm(many + "]}"), HasSubstr("101 of them"));
}

}  // namespace
}  // namespace roktcached::admin
