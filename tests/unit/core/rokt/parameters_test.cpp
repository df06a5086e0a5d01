#include "core/rokt/parameters.h"

#include <gtest/gtest.h>

namespace roktcached::rokt {
namespace {

const std::string good = "dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=UTC";

const Route& route(std::string_view name) {
  static const std::vector<Route> routes = rokt_routes();
  return *std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.name == name; });
}

Result<CheckedParameters> check(std::string_view query, const ParameterRules& rules = {},
                                std::string_view name = "campaign-breakdown") {
  return check_parameters(route(name), http::parse_query(query), rules);
}

std::string refusal(std::string_view query, const ParameterRules& rules = {},
                    std::string_view name = "campaign-breakdown") {
  const auto checked = check(query, rules, name);
  return checked ? "" : checked.error().context;
}

TEST(CheckParameters, AcceptsAGoodRequestAndKnowsItsEnd) {
  const auto checked = check(good);
  ASSERT_TRUE(checked) << checked.error().context;
  EXPECT_EQ(unix_ms(*checked->range_end), 1769904000000);  // 2026-02-01T00:00:00Z
}

TEST(CheckParameters, NamesWhatWasSentAndWhatIsAccepted) {
  EXPECT_EQ(refusal("dateEnd=2026-01-31&currency=USD&timeZoneVariation=UTC"),
            "dateStart: is missing; accepted: YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.fff], a real calendar day");
  EXPECT_EQ(refusal("dateStart=2026-01-01&dateEnd=x&currency=USD&timeZoneVariation=UTC").substr(0, 22),
            "dateEnd: \"x\"; accepted");
  EXPECT_EQ(refusal("dateStart=2026-01-01&dateEnd=2026-01-31&currency=usd&timeZoneVariation=UTC"),
            "currency: \"usd\"; accepted: AUD, CAD, EUR, GBP, JPY, NZD, SGD, USD, KRW, CNY");
  EXPECT_EQ(refusal("dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=X"),
            "timeZoneVariation: \"X\"; accepted: an IANA time zone, e.g. America/New_York");
  EXPECT_EQ(refusal(good + "&groupby=shoe"),
            "groupby: \"shoe\"; accepted: country, campaign, audience, creative, subvertical");
  EXPECT_EQ(refusal(good + "&currency=EUR"), "\"currency\": comes more than once; accepted: once");
  EXPECT_EQ(refusal(good + "&=1"),
            "query: a parameter without a name; accepted: name=value pairs joined by '&'");
}

TEST(CheckParameters, EmptyPairsAreSkipped) {
  for (const std::string& sent : {good + "&", "&" + good, "&&" + good + "&&x=1&"}) {
    EXPECT_EQ(refusal(sent), "") << sent;
    EXPECT_EQ(refusal(sent, {Validation::lenient, {}}), "") << sent;
  }
}

TEST(CheckParameters, NamesTheRightParameterWhereOneIsNearlyRight) {
  const std::string rest = "dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&";
  for (const char* name :
       {"timezoneVariation", "TimeZoneVariation", "timeZoneVaration", "time_zone_variation"})
    EXPECT_EQ(refusal(rest + name + "=UTC"),
              "parameter: \"" + std::string(name) + "\"; accepted: timeZoneVariation");
  for (const char* name :
       {"groupBy", "GROUPBY", "group_by", "groupby%5B%5D", "groupby[]", "groupby[0]", "gruopby", "group"})
    EXPECT_EQ(refusal(good + "&" + name + "=creative").empty(), std::string_view(name) == "group") << name;
  EXPECT_EQ(refusal(good + "&groupBy=creative"), "parameter: \"groupBy\"; accepted: groupby");
  EXPECT_NE(refusal(good + "&timezoneVariation=UTC"), "") << "besides the right one, too";
  for (const char* name : {"datestart", "date_start", "dateSart", "DateStart"})
    EXPECT_NE(refusal(good + "&" + name + "=2026-01-01"), "") << name;
  EXPECT_EQ(refusal(good + "&groupBy=creative", {Validation::lenient, {}}), "") << "lenient forwards it";
}

TEST(CheckParameters, SaysWhichDateToWriteInstead) {
  const auto end = [](const std::string& date) {
    return refusal("dateStart=2026-01-01&dateEnd=" + date + "&currency=USD&timeZoneVariation=UTC");
  };
  const std::string hint = ", on the clock of timeZoneVariation; write 2026-01-31T23:59:59.000";
  for (const char* date :
       {"2026-01-31T23:59:59.000Z", "2026-01-31T23:59:59.000000", "2026-01-31T23:59:59.000%2B01:00"})
    EXPECT_TRUE(end(date).ends_with(hint)) << end(date);
  EXPECT_TRUE(end("31.01.2026").ends_with("a real calendar day")) << end("31.01.2026");
}

TEST(CheckParameters, ShowsNothingUnprintable) {
  const std::string shown =
      refusal("dateStart=%1b%5b31m&dateEnd=2026-01-31&currency=USD&timeZoneVariation=UTC");
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_NE(shown.find("?[31m"), std::string::npos);
}

TEST(CheckParameters, StartIsNotAfterEnd) {
  const auto range = [](const std::string& start, const std::string& end) {
    return refusal("dateStart=" + start + "&dateEnd=" + end + "&currency=USD&timeZoneVariation=UTC");
  };
  EXPECT_EQ(range("2026-01-31", "2026-01-31"), "");
  EXPECT_EQ(range("2026-01-31T10:00:00", "2026-01-31"), "");
  EXPECT_EQ(range("2026-01-31T10:00:00", "2026-01-31T10:00:00"), "");
  EXPECT_NE(range("2026-02-01", "2026-01-31"), "");
  EXPECT_NE(range("2026-01-31T10:00:01", "2026-01-31T10:00:00"), "");
}

TEST(CheckParameters, MoreCurrenciesByConfiguration) {
  const std::string francs = "dateStart=2026-01-01&dateEnd=2026-01-31&currency=CHF&timeZoneVariation=UTC";
  EXPECT_NE(refusal(francs), "");
  EXPECT_EQ(refusal(francs, {Validation::strict, {"CHF"}}), "");
}

TEST(CheckParameters, LenientForwardsWhatItDoubts) {
  const ParameterRules lenient{Validation::lenient, {}};
  EXPECT_EQ(refusal("currency=usd&dateEnd=soon", lenient), "");
  EXPECT_FALSE(check("dateEnd=soon&timeZoneVariation=UTC", lenient)->range_end);
  EXPECT_TRUE(check(good, lenient)->range_end);
  EXPECT_NE(refusal("a=1&a=2", lenient), "");
}

TEST(CheckParameters, UnknownParametersPassAndGroupbyIsUnknownWhereARouteHasNone) {
  EXPECT_EQ(refusal(good + "&x=1", {}, "account-summary"), "");
  EXPECT_EQ(refusal(good + "&groupby=shoe", {}, "account-summary"), "");
  EXPECT_EQ(refusal("", {}, "campaign-metadata"), "");
}

}  // namespace
}  // namespace roktcached::rokt
