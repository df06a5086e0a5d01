#include "config/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class OverridesTest : public testing::Test {
 protected:
  Loader loader_;
};

TEST_F(OverridesTest, NameRoutesAccountsAndWhatTheyChange) {
  const auto settings = loader_.load(
      "[freshness]\nsettled = \"1d\"\n"
      "[[freshness.override]]\nroutes = [\"account-summary\", \"campaign-metadata\"]\naccounts = [\"12\", "
      "\"a_B-3\"]\nopen = \"30s\"\nrefresh_ahead_uses = 7\n"
      "[[freshness.override]]\naccounts = [\"5\"]\nsettled = \"0ms\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_EQ(settings->freshness_overrides.size(), 2U);
  const caching::PolicyOverride& first = settings->freshness_overrides[0];
  EXPECT_THAT(first.routes, ElementsAre("account-summary", "campaign-metadata"));
  EXPECT_THAT(first.accounts, ElementsAre("12", "a_B-3"));
  EXPECT_EQ(first.policy.open, 30s);
  EXPECT_EQ(first.policy.refresh_ahead_uses, 7U);
  EXPECT_EQ(first.policy.settled, 24h) << "what it leaves out is [freshness]'s";
  const caching::PolicyOverride& second = settings->freshness_overrides[1];
  EXPECT_THAT(second.routes, IsEmpty());
  EXPECT_EQ(second.policy.settled, 0ms);
  EXPECT_EQ(second.policy.open, 5min) << "not the first's";
  EXPECT_EQ(settings->freshness.open, 5min) << "[freshness] itself stays";
}

TEST_F(OverridesTest, BeginFromTheSectionWhereverItStands) {
  const auto settings = loader_.load(
      "[[freshness.override]]\naccounts = [\"5\"]\nopen = \"1s\"\n[freshness]\nmetadata = \"2h\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_EQ(settings->freshness_overrides.size(), 1U);
  EXPECT_EQ(settings->freshness_overrides[0].policy.metadata, 2h);
}

TEST_F(OverridesTest, BeginFromWhatTheEnvironmentSays) {
  const auto settings =
      loader_.load("[[freshness.override]]\naccounts = [\"5\"]\nopen = \"1s\"\n",
                   {{"ROKTCACHED_FRESHNESS_METADATA", "3h"}, {"ROKTCACHED_FRESHNESS_OPEN", "9s"}});
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->freshness.open, 9s);
  EXPECT_EQ(settings->freshness_overrides[0].policy.metadata, 3h);
  EXPECT_EQ(settings->freshness_overrides[0].policy.open, 1s) << "its own key is its own";
}

TEST_F(OverridesTest, MayNameTheOperatorsRoutes) {
  const std::string override_of_mine = "[[freshness.override]]\nroutes = [\"mine\"]\nopen = \"1s\"\n";
  for (const char* cache : {"report", "metadata"}) {
    const std::string route =
        std::string("[[route]]\nname = \"mine\"\npath = \"/mine\"\ncache = \"") + cache + "\"\n";
    EXPECT_THAT(loader_.mistakes(override_of_mine + route), IsEmpty()) << cache;
  }
  EXPECT_THAT(loader_.mistakes(override_of_mine),
              ElementsAre(StartsWith("FILE:2: freshness.override.routes: \"mine\": no such route")));
}

TEST_F(OverridesTest, AnUnknownRouteIsRefusedWithASuggestion) {
  EXPECT_THAT(loader_.mistakes("[[freshness.override]]\nroutes = [\"account-sumary\"]\nopen = \"1s\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: freshness.override.routes: \"account-sumary\": "),
                                EndsWith("did you mean account-summary?"))));
}

TEST_F(OverridesTest, ARouteThatFreshnessHasNoSayInIsRefusedWithTheReason) {
  for (const char* cache : {"http", "off"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[[freshness.override]]\nroutes = [\"mine\"]\nopen = \"1s\"\n"
                                             "[[route]]\nname = \"mine\"\npath = \"/mine\"\ncache = \"") +
                                 cache + "\"\n"),
                ElementsAre(AllOf(StartsWith("FILE:2: freshness.override.routes: \"mine\""),
                                  HasSubstr("cache = \"" + std::string(cache) + "\""),
                                  HasSubstr("accepted: routes of cache = \"report\" or \"metadata\""))))
        << cache;
  }
  EXPECT_THAT(loader_.mistakes("[[freshness.override]]\nroutes = [\"token\"]\nopen = \"1s\"\n"),
              ElementsAre(StartsWith("FILE:2: freshness.override.routes: \"token\"")));
}

TEST_F(OverridesTest, ABadValueIsNamedWithLineKeyAndWhatIsAccepted) {
  const std::string head = "[[freshness.override]]\naccounts = [\"1\"]\n";
  EXPECT_THAT(loader_.mistakes(head + "open = \"x\"\n"),
              ElementsAre(StartsWith("FILE:3: freshness.override.open = \"x\": accepted: a duration")));
  EXPECT_THAT(loader_.mistakes(head + "settled = 5\n"),
              ElementsAre(StartsWith("FILE:3: freshness.override.settled = 5: accepted: a duration")));
  EXPECT_THAT(loader_.mistakes(head + "refresh_ahead_uses = -1\n"),
              ElementsAre(StartsWith("FILE:3: freshness.override.refresh_ahead_uses = -1: accepted: ")));
  EXPECT_THAT(loader_.mistakes(head + "opn = \"1s\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:3: freshness.override.opn: no such key"),
                                EndsWith("did you mean open?"))));
}

TEST_F(OverridesTest, AnOverrideForEveryRequestIsRefused) {
  for (const char* nothing : {"", "routes = []\n", "accounts = []\n", "routes = []\naccounts = []\n"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[[freshness.override]]\nopen = \"1s\"\n") + nothing),
                ElementsAre(AllOf(StartsWith("FILE:1: freshness.override: is for every request"),
                                  HasSubstr("accepted: routes or accounts"))))
        << nothing;
  }
  EXPECT_THAT(loader_.mistakes("[[freshness.override]]\nroutes = []\naccounts = [\"1\"]\nopen = \"1s\"\n"),
              IsEmpty());
}

TEST_F(OverridesTest, AnOverrideThatSaysNothingIsRefused) {
  EXPECT_THAT(loader_.mistakes("[[freshness.override]]\naccounts = [\"1\"]\n"),
              ElementsAre(StartsWith("FILE:1: freshness.override: changes nothing; accepted: ")));
}

TEST_F(OverridesTest, AccountsAreTextsThatAPathCanCarry) {
  for (const char* accounts : {"1", "\"1\"", "[1]", "[\"\"]", "[\"a/b\"]", "[\"1\", \"1\"]", "[\"*\"]"}) {
    EXPECT_THAT(
        loader_.mistakes(std::string("[[freshness.override]]\nopen = \"1s\"\naccounts = ") + accounts + "\n"),
        ElementsAre(StartsWith("FILE:3: freshness.override.accounts = ")))
        << accounts;
  }
  EXPECT_THAT(loader_.mistakes("[[freshness.override]]\nopen = \"1s\"\nroutes = \"account-summary\"\n"),
              ElementsAre(StartsWith("FILE:3: freshness.override.routes = \"account-summary\": ")));
  EXPECT_THAT(
      loader_.mistakes("[[freshness.override]]\nopen = \"1s\"\nroutes = [\"account-summary\", "
                       "\"account-summary\"]\n"),
      ElementsAre(StartsWith("FILE:3: freshness.override.routes: \"account-summary\" is there twice")));
}

TEST_F(OverridesTest, AreAnArrayOfTables) {
  for (const char* text : {"[freshness.override]\nopen = \"1s\"\n", "[freshness]\noverride = 5\n",
                           "[freshness]\noverride = []\n", "[freshness]\noverride = [1]\n"}) {
    EXPECT_THAT(loader_.mistakes(text),
                ElementsAre(AllOf(StartsWith("FILE:"), HasSubstr("[[freshness.override]]"))))
        << text;
  }
}

TEST_F(OverridesTest, EveryMistakeIsFoundAtOnce) {
  EXPECT_THAT(loader_.mistakes("[freshness]\nopen = 1\n[[freshness.override]]\nroutes = [\"x\"]\nopen = 2\n"
                               "[[freshness.override]]\naccounts = [\"1\"]\n"),
              testing::UnorderedElementsAre(StartsWith("FILE:2: freshness.open = 1"),
                                            StartsWith("FILE:4: freshness.override.routes"),
                                            StartsWith("FILE:5: freshness.override.open = 2"),
                                            StartsWith("FILE:6: freshness.override: ")));
}

TEST_F(OverridesTest, AreNoVariable) {
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_FRESHNESS_OVERRIDE", "1"}}),
              ElementsAre(StartsWith("$ROKTCACHED_FRESHNESS_OVERRIDE: no such setting")));
}

}  // namespace
}  // namespace roktcached::config
