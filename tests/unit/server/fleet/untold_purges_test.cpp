#include "server/fleet/untold_purges.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::fleet {
namespace {

using caching::PurgeKind;

bool matches(const UntoldPurges& purges, std::string_view route, std::string_view account) {
  const caching::Key key("default /reporting/accounts/12/campaigns/3/overview?x=1 LATEST");
  return purges.match({key, route, account, "3"});
}

TEST(UntoldPurgesTest, WhatIsToldIsUntoldNoMore) {
  UntoldPurges purges;
  EXPECT_TRUE(purges.empty());
  const auto first = purges.add({caching::OfAccount{"12", std::nullopt}, PurgeKind::hard});
  const auto second = purges.add({caching::OfRoute{"campaign-overview"}, PurgeKind::soft});
  EXPECT_EQ(purges.first().first, first);
  EXPECT_TRUE(matches(purges, "account-summary", "12"));
  EXPECT_TRUE(matches(purges, "campaign-overview", "13"));
  EXPECT_FALSE(matches(purges, "account-summary", "13"));
  purges.remove(first);
  EXPECT_FALSE(matches(purges, "account-summary", "12"));
  EXPECT_EQ(purges.first().first, second);
  purges.remove(first);
  EXPECT_FALSE(purges.empty());
  purges.remove(second);
  EXPECT_TRUE(purges.empty());
}

TEST(UntoldPurgesTest, TheyAreReadAsTheyWereWritten) {
  UntoldPurges purges;
  EXPECT_EQ(purges.text(), "");
  purges.add({caching::OfAccount{"12", "3"}, PurgeKind::hard});
  purges.add({caching::OfRoute{"a\nroute"}, PurgeKind::soft});
  UntoldPurges read;
  read.add_from(purges.text());
  EXPECT_EQ(read.text(), purges.text());
  EXPECT_EQ(read.first().second.kind, PurgeKind::hard);
  EXPECT_TRUE(matches(read, "a\nroute", "13"));
  EXPECT_TRUE(matches(read, "another", "12"));
  EXPECT_FALSE(matches(read, "another", "13"));
}

TEST(UntoldPurgesTest, WhatCannotBeReadMayHaveSelectedAnything) {
  for (const std::string text : {"\n", "\nrubbish!", "\nAAAA"}) {
    UntoldPurges purges;
    purges.add_from(text);
    ASSERT_FALSE(purges.empty()) << text;
    EXPECT_TRUE(matches(purges, "any", "1")) << text;
    EXPECT_EQ(purges.first().second.kind, PurgeKind::soft) << text;
  }
}

TEST(UntoldPurgesTest, OfTooManyIsKnownThatThereWereSome) {
  UntoldPurges purges;
  for (std::size_t i = 0; i < UntoldPurges::max_purges; ++i)
    purges.add({caching::OfAccount{std::to_string(i), std::nullopt}, PurgeKind::soft});
  EXPECT_FALSE(matches(purges, "any", "none of them"));
  purges.add({caching::OfAccount{"the last", std::nullopt}, PurgeKind::soft});
  EXPECT_TRUE(matches(purges, "any", "none of them"));
  EXPECT_EQ(purges.first().second.kind, PurgeKind::hard);
}

}  // namespace
}  // namespace roktcached::fleet
