#include "core/formats/own_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached::formats {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<OwnParameters> read(std::string_view text) {
  const auto query = http::parse_query(text);
  auto own = read_own_parameters(query);
  if (own) own->dates = {};  // a view into the query
  return own;
}

std::string refused(std::string_view text) {
  const auto own = read(text);
  return own ? std::string() : own.error().context;
}

TEST(OwnParametersTest, ReadsThemAmongOthers) {
  const auto own = read("a=1&roktcached-format=csv&roktcached-columns=route,fetched_at&b=2").value();
  EXPECT_EQ(own.format, Format::csv);
  EXPECT_THAT(own.columns, ElementsAre(Column::route, Column::fetched_at));
  EXPECT_EQ(read("roktcached-format=csv;excel")->format, Format::csv_spreadsheet);
  EXPECT_EQ(read("roktcached-format=csv%3Bexcel")->format, Format::csv_spreadsheet);
  EXPECT_EQ(read("roktcached-format=ndjson")->format, Format::ndjson);
  EXPECT_EQ(read("roktcached%2Dformat=json")->format, Format::json);
  EXPECT_EQ(read("a=1")->format, std::nullopt);
  const auto query = http::parse_query("roktcached-dates=last_7d");
  EXPECT_EQ(read_own_parameters(query)->dates, "last_7d");
}

TEST(OwnParametersTest, RefusesWhatIsNearlyOneOfThem) {
  EXPECT_THAT(refused("roktcached-formt=csv"),
              HasSubstr("\"roktcached-formt\"; accepted: roktcached-format, "));
  EXPECT_THAT(refused("roktcached_format=csv"), HasSubstr("accepted"));
  EXPECT_THAT(refused("ROKTCACHED-FORMAT=csv"), HasSubstr("accepted"));
  EXPECT_THAT(refused("roktcached=csv"), HasSubstr("accepted"));
  EXPECT_THAT(refused("roktcached-format=CSV"),
              HasSubstr("\"CSV\"; accepted: json, csv, csv;excel or ndjson"));
  EXPECT_THAT(refused("roktcached-format="), HasSubstr("accepted"));
  EXPECT_THAT(refused("roktcached-format"), HasSubstr("accepted"));
  EXPECT_THAT(refused("roktcached-format=csv&roktcached%2dformat=csv"), HasSubstr("more than once"));
  EXPECT_THAT(refused("roktcached-columns="), HasSubstr("accepted: fetched_at"));
  EXPECT_THAT(refused("roktcached-columns=route,"), HasSubstr("accepted"));
  EXPECT_THAT(refused("roktcached-columns=route,rout"), HasSubstr("\"route,rout\""));
  EXPECT_THAT(refused("roktcached-columns=route,route"), HasSubstr("route comes twice"));
  EXPECT_THAT(refused("roktcached-dates="), HasSubstr("is empty"));
}

TEST(OwnParametersTest, AQuickLookMissesNone) {
  EXPECT_TRUE(may_have_own("a=1&roktcached-format=csv"));
  EXPECT_TRUE(may_have_own("RoktCached-format=csv"));
  EXPECT_TRUE(may_have_own("%72oktcached-format=csv"));
  EXPECT_FALSE(may_have_own("dateStart=2026-01-01"));
  EXPECT_TRUE(may_have_own("roktcached"));
  EXPECT_FALSE(may_have_own(""));
}

}  // namespace
}  // namespace roktcached::formats
