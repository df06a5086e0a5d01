#include "core/caching/key.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace roktcached::caching {
namespace {

struct Asked {
  std::string credential = "default";
  std::string path = "/reporting/accounts/1/summary";
  std::string query =
      "dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York";
  std::string rokt_version = "LATEST";
};

Key key(const Asked& asked) {
  return key_of(asked.credential, asked.path, http::parse_query(asked.query), asked.rokt_version);
}

Asked with_query(std::string query) {
  Asked asked;
  asked.query = std::move(query);
  return asked;
}

TEST(Key, IsOneReadableLine) {
  EXPECT_EQ(key({}).text(),
            "default "
            "/reporting/accounts/1/"
            "summary?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York "
            "LATEST");
}

TEST(Key, SpellingsThatTheUpstreamMustAnswerAlikeShareIt) {
  EXPECT_EQ(key(with_query("a=1&b=2")), key(with_query("b=2&a=1")));
  EXPECT_EQ(key(with_query("a=%41%2d")), key(with_query("%61=A-")));
  EXPECT_EQ(key(with_query("a=1%2Fb")), key(with_query("a=1/b")));
  EXPECT_EQ(key(with_query("&a=1&&b=2&")), key(with_query("a=1&b=2")));
  for (const char* same : {"dateStart=2026-01-01T00:00:00.5", "dateStart=2026-01-01T00%3A00%3a00.50"})
    EXPECT_EQ(key(with_query(same)), key(with_query("dateStart=2026-01-01T00:00:00.500"))) << same;
  for (const char* same : {"dateEnd=2026-01-01T00:00:00", "dateEnd=2026-01-01T00%3A00%3A00.000"})
    EXPECT_EQ(key(with_query(same)), key(with_query("dateEnd=2026-01-01T00:00:00.0"))) << same;
}

TEST(Key, APlusInTheNameOfAZoneIsOneHoweverItWasSent) {
  EXPECT_EQ(key(with_query("timeZoneVariation=Etc/GMT+6")),
            key(with_query("timeZoneVariation=Etc%2FGMT%2b6")));
  EXPECT_EQ(target_of(key(with_query("timeZoneVariation=Etc/GMT+6"))),
            "/reporting/accounts/1/summary?timeZoneVariation=Etc/GMT%2B6");
  EXPECT_NE(key(with_query("timeZoneVariation=Mars+6")), key(with_query("timeZoneVariation=Mars%2B6")));
}

TEST(Key, TheParametersOfEveryReportComeFirstAndTheOthersAreSortedByName) {
  EXPECT_EQ(
      key({.path = "/p",
           .query = "b=1&timeZoneVariation=UTC&groupby=page&currency=USD&dateEnd=x&a=1&dateStart=y"})
          .text(),
      "default /p?dateStart=y&dateEnd=x&currency=USD&timeZoneVariation=UTC&a=1&b=1&groupby=page LATEST");
  EXPECT_EQ(key({.path = "/p", .query = "a-b=1&a=1&a"}).text(), "default /p?a&a=1&a-b=1 LATEST");
}

TEST(Key, WhateverDiffersInOneThingIsAnotherKey) {
  std::vector<Asked> all = {{}};
  for (const char* query :
       {"", "a", "a=", "a=1", "a=2", "b=1", "a=1&b=1", "a=1%26b=1", "a=1/b", "a=1+b", "a=1%20b", "a=1%2Bb",
        "dateStart=2026-01-01", "dateStart=2026-01-01T00:00:00", "dateEnd=2026-01-01",
        "x=2026-01-01T00:00:00.5", "x=2026-01-01T00:00:00.50", "groupby=country", "groupby=campaign"}) {
    all.push_back(with_query(query));
  }
  for (const auto& change :
       std::vector<std::function<void(Asked&)>>{[](Asked& a) { a.credential = "other"; },
                                                [](Asked& a) { a.path = "/reporting/accounts/2/summary"; },
                                                [](Asked& a) { a.rokt_version = "alpha"; }}) {
    Asked asked;
    change(asked);
    all.push_back(asked);
  }
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [at, is_new] = seen.emplace(key(all[i]).text(), i);
    EXPECT_TRUE(is_new) << i << " and " << at->second << " share " << at->first;
  }
}

TEST(Key, ComesApartAgain) {
  const Asked asked = with_query(
      "timeZoneVariation=Etc%2FUTC&groupby=country&dateStart=2026-01-01&x=%20&currency=USD&dateEnd=2026-01-"
      "31T00:00:00.0");
  const Key kept(key(asked).text());
  EXPECT_EQ(parts_of(kept).rokt_version, "LATEST");
  const KeyColumns columns = columns_of(kept);
  EXPECT_EQ(columns.credential, "default");
  EXPECT_EQ(columns.path, asked.path);
  EXPECT_EQ(columns.date_start, "2026-01-01");
  EXPECT_EQ(columns.date_end, "2026-01-31T00:00:00.000");
  EXPECT_EQ(columns.currency, "USD");
  EXPECT_EQ(columns.time_zone, "Etc/UTC");
  EXPECT_EQ(columns.other_parameters, "groupby=country&x=%20");
  EXPECT_EQ(columns.rokt_version, "LATEST");
}

TEST(RequestedVersion, IsTheLatestWhereNoneIsSentAndOddOnesAreRefused) {
  http::Fields fields;
  EXPECT_EQ(requested_version(fields).value(), "LATEST");
  fields.add("rokt-version", "alpha-20200701");
  EXPECT_EQ(requested_version(fields).value(), "alpha-20200701");
  fields.set("rokt-version", std::string(64, 'a'));
  EXPECT_EQ(requested_version(fields).value(), std::string(64, 'a')) << "the longest";
  fields.set("rokt-version", "alpha-20200701");
  fields.add("Rokt-Version", "beta");
  EXPECT_FALSE(requested_version(fields));
  for (const std::string& bad : {std::string("a b"), std::string(), std::string(65, 'a')}) {
    http::Fields odd;
    odd.add("rokt-version", bad);
    EXPECT_FALSE(requested_version(odd)) << bad;
  }
}

TEST(KeyHash, IsHexOf128Bits) {
  EXPECT_EQ(to_hex({0x0123456789abcdefULL, 1}), "0123456789abcdef0000000000000001");
  EXPECT_NE(Key("a").hash(), Key("b").hash());
}

TEST(Key, AQuerysContentIsItsLastPart) {
  const Key key =
      key_of("default", "/v1/query/accounts/7/campaigns/", {}, latest_version, R"({"a":"b c d"})");
  EXPECT_EQ(key.text(), R"(default /v1/query/accounts/7/campaigns/ LATEST {"a":"b c d"})");
  EXPECT_EQ(target_of(key), "/v1/query/accounts/7/campaigns/");
  EXPECT_EQ(parts_of(key).rokt_version, "LATEST");
  EXPECT_EQ(parts_of(key).content, R"({"a":"b c d"})");
  const KeyColumns columns = columns_of(key);
  EXPECT_EQ(columns.rokt_version, "LATEST");
  EXPECT_EQ(columns.other_parameters, R"({"a":"b c d"})");
}

TEST(Key, WhatIsNoQueryHasNoContent) {
  const Key key = key_of("default", "/metadata/accounts/1/campaigns/2", {}, "alpha-1");
  EXPECT_EQ(parts_of(key).content, "");
  EXPECT_EQ(parts_of(key).rokt_version, "alpha-1");
}

}  // namespace
}  // namespace roktcached::caching
