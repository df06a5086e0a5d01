#include "server/admin/entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "server/admin/report_asks.h"

namespace roktcached::admin {
namespace {

using testing::HasSubstr;

std::string refusal(std::string_view query) {
  const auto listing = parse_listing(query);
  return listing ? "accepted" : listing.error().context;
}

TEST(Entries, TheQuerySaysWhatIsListed) {
  EXPECT_TRUE(std::holds_alternative<caching::Everything>(parse_listing("").value().selection));
  EXPECT_EQ(parse_listing("").value().limit, 100U);
  EXPECT_TRUE(parse_listing("restated").value().restated_only);
  EXPECT_EQ(parse_listing("limit=7").value().limit, 7U);
  EXPECT_EQ(parse_listing("limit=1").value().limit, 1U);
  EXPECT_EQ(parse_listing("limit=1000").value().limit, 1000U);
  const auto of_route = parse_listing("route=account-summary&restated").value();
  EXPECT_EQ(std::get<caching::OfRoute>(of_route.selection).name, "account-summary");
  const auto of_campaign = parse_listing("campaign=3&account=12").value();
  EXPECT_EQ(std::get<caching::OfAccount>(of_campaign.selection).account_id, "12");
  EXPECT_EQ(std::get<caching::OfAccount>(of_campaign.selection).campaign_id, "3");
  const auto of_key = parse_listing("key=000102030405060708090A0b0c0d0e0f").value();
  EXPECT_EQ(std::get<caching::WithKey>(of_key.selection).hash.low, 0x08090a0b0c0d0e0fU);
  const auto of_target = parse_listing("target=%2Fa%3Fb%3D%257e%26api_key%3Dhush").value();
  EXPECT_EQ(std::get<caching::WithTarget>(of_target.selection).canonical, "/a?b=~");
}

TEST(Entries, WhatIsWrongIsNamedWithWhatIsAccepted) {
  EXPECT_THAT(refusal("limit=0"), HasSubstr("limit = \"0\": accepted: a whole number from 1 to 1000"));
  EXPECT_THAT(refusal("limit=1001"), HasSubstr("1001"));
  EXPECT_THAT(refusal("limit=9x"), HasSubstr("9x"));
  EXPECT_THAT(refusal("limit=1&limit=2"), HasSubstr("limit"));
  EXPECT_THAT(refusal("restated=1"), HasSubstr("without a value"));
  EXPECT_THAT(refusal("campaign=3"), HasSubstr("together with account"));
  EXPECT_THAT(
      refusal("account=12&route=x"),
      HasSubstr("route = \"x\": accepted: one of route, account, key and target, not both it and account"));
  EXPECT_THAT(refusal("key=12"), HasSubstr("key = \"12\": accepted: 32 hex digits"));
  EXPECT_THAT(refusal("target=a"), HasSubstr("target"));
  EXPECT_THAT(refusal("campaign=3&key=000102030405060708090a0b0c0d0e0f"), HasSubstr("together with account"));
  EXPECT_THAT(refusal("account="), HasSubstr("account"));
  EXPECT_THAT(
      refusal("colour=red"),
      HasSubstr("colour = \"red\": accepted: restated, limit, campaign, and one of route, account, key"));
}

TEST(Entries, TheHottestAreAskedForAloneOrWithALimit) {
  EXPECT_FALSE(parse_entries("route=account-summary").value().hottest);
  EXPECT_TRUE(parse_entries("hottest").value().hottest);
  EXPECT_EQ(parse_entries("limit=7&hottest").value().listing.limit, 7U);
  for (const char* const query : {"hottest&restated", "route=x&hottest", "hottest&account=12"})
    EXPECT_THAT(parse_entries(query).error().context, HasSubstr("hottest: accepted: alone, or with limit"));
  EXPECT_THAT(parse_entries("hottest=1").error().context, HasSubstr("without a value"));
  EXPECT_THAT(parse_entries("colour=red").error().context, HasSubstr("or hottest"));
  EXPECT_THAT(refusal("hottest"), HasSubstr("hottest: accepted: restated, limit"))
      << "/restatements has none";
}

TEST(Entries, AnEntryIsToldWithItsStateAndItsLastRestatement) {
  storage::EntrySummary entry;
  entry.key = caching::Key("default /a LATEST");
  entry.route = "account-summary";
  entry.range_end = wall_time_from_unix_ms(1'000'000);
  entry.fetched_at = wall_time_from_unix_ms(2'000'000);
  entry.fresh_until = wall_time_from_unix_ms(3'000'000);
  entry.restated = std::make_shared<const caching::Restated>(
      caching::Restated{2, entry.fetched_at, R"([{"field":"/revenue","before":1,"after":2}])"});
  const caching::FreshnessPolicies policies{caching::FreshnessPolicy{}};
  const auto told = entry_json(entry, policies, wall_time_from_unix_ms(2'500'000));
  EXPECT_EQ(told.at("state"), "restating");
  EXPECT_EQ(told.at("fresh"), true);
  EXPECT_EQ(entry_json(entry, policies, entry.fresh_until).at("fresh"), false);
  EXPECT_EQ(told.at("key"), caching::to_hex(entry.key.hash()).c_str());
  EXPECT_EQ(told.at("restated").at("times"), 2);
  EXPECT_EQ(told.at("restated").at("at_unix_ms"), 2'000'000);
  EXPECT_EQ(told.at("restated").at("moved").at(0).at("field"), "/revenue");
}

TEST(Hottest, ComeFirstAndThoseOfOneCountInOneOrder) {
  const std::string client = "a";
  const SteadyTime now{std::chrono::hours{1}};
  const caching::KeyHash hot{.high = 1, .low = 9};
  const caching::KeyHash first{.high = 3, .low = 4};
  const caching::KeyHash second{.high = 2, .low = 5};
  ThreadStats threads;
  for (int i = 0; i < 2; ++i) {
    threads.push_back(std::make_unique<counters::ClientStats>());
    counters::ReportStats& reports = threads.back()->reports();
    reports.add(hot, client, http::CacheOutcome::hit, now);
    reports.add(i == 0 ? first : second, client, http::CacheOutcome::hit, now);
  }
  EXPECT_THAT(hottest(threads), testing::ElementsAre(hot, first, second));
}

}  // namespace
}  // namespace roktcached::admin
