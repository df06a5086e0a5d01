#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/changes.h"
#include "config/effective.h"
#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string path =
    "/reporting/accounts/12/summary?dateStart={first_of_month}T00:00:00.000&dateEnd={yesterday}T23:59:59.000"
    "&currency=USD&timeZoneVariation=Asia/Kathmandu";

std::string table(const std::string& keys, const std::string& warm_path = path) {
  return "[[warm]]\npath = \"" + warm_path + "\"\n" + keys;
}

class WarmingsTest : public testing::Test {
 protected:
  Loader loader_;
};

TEST_F(WarmingsTest, NameAReportAndATime) {
  const auto settings = loader_.load(table("at = \"06:30\"\n") + table("at = \"23:59\"\ntime_zone = \"UTC\"\n"
                                                                       "rokt_version = \"alpha-1\"\n"));
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_EQ(settings->named_warmings.size(), 2U);
  const caching::NamedWarming& first = settings->named_warmings[0];
  EXPECT_EQ(first.question.target, path);
  EXPECT_EQ(first.question.time_zone, "Asia/Kathmandu") << "of the path";
  EXPECT_EQ(first.question.rokt_version, "LATEST");
  EXPECT_EQ(first.at, std::chrono::minutes{390});
  EXPECT_EQ(settings->named_warmings[1].question.time_zone, "UTC");
  EXPECT_EQ(settings->named_warmings[1].question.rokt_version, "alpha-1");
  EXPECT_EQ(settings->named_warmings[1].at, std::chrono::minutes{1439});
}

TEST_F(WarmingsTest, MayBeOfARouteOfTheOperatorsOwn) {
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"x\"\npath = \"/x/{id}\"\ncache = \"metadata\"\n" +
                               table("at = \"06:30\"\ntime_zone = \"UTC\"\n", "/x/1")),
              IsEmpty());
}

TEST_F(WarmingsTest, MistakesNameTheKey) {
  const std::string at = "at = \"06:30\"\n";
  EXPECT_THAT(loader_.mistakes("[[warm]]\npat = \"x\"\n" + at + "path = \"" + path + "\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: warm.pat: "), HasSubstr("did you mean path?"))));
  EXPECT_THAT(loader_.mistakes("[warm]\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: warm: "), HasSubstr("[[warm]]"))));
  EXPECT_THAT(loader_.mistakes(table("")),
              ElementsAre(StartsWith("FILE:1: warm.at: is missing; accepted: ")));
  for (const char* bad : {"6:30", "24:00", "12:60", "06:30:00", "noon", "0630"}) {
    EXPECT_THAT(loader_.mistakes(table("at = \"" + std::string(bad) + "\"\n")),
                ElementsAre(AllOf(StartsWith("FILE:3: warm.at = "), HasSubstr(bad))));
  }
  EXPECT_THAT(loader_.mistakes(table(at + "time_zone = \"Mars\"\n")),
              ElementsAre(AllOf(StartsWith("FILE:4: warm.time_zone = \"Mars\": "), HasSubstr("IANA"))));
  EXPECT_THAT(loader_.mistakes(table(at + "rokt_version = \"a b\"\n")),
              ElementsAre(StartsWith("FILE:4: warm.rokt_version = ")));
}

TEST_F(WarmingsTest, AreWhatAClientCouldAsk) {
  const std::string keys = "at = \"06:30\"\ntime_zone = \"UTC\"\n";
  for (const char* own : {"roktcached-dates=yesterday", "roktcached-format=csv"}) {
    EXPECT_THAT(
        loader_.mistakes(table(keys, path + "&" + own)),
        ElementsAre(AllOf(StartsWith("FILE:2: warm.path: has \"roktcached-"), HasSubstr("{yesterday}"))));
  }
  EXPECT_THAT(loader_.mistakes(table(keys, "/reporting/accounts/12/summary?dateStart={tomorrow}")),
              ElementsAre(AllOf(StartsWith("FILE:2: warm.path: "), HasSubstr("{tomorrow}"))));
  EXPECT_THAT(loader_.mistakes(table(keys, "/reporting/accounts/12/summary?dateStart={today}")),
              ElementsAre(AllOf(StartsWith("FILE:2: warm.path: dateEnd: "), HasSubstr("is missing"))));
  for (const char* bad :
       {"/nowhere", "summary", "/v1/query/accounts/12/campaigns/", "/auth/oauth2/token", ""}) {
    EXPECT_THAT(loader_.mistakes(table(keys, bad)), ElementsAre(StartsWith("FILE:2: warm.path = "))) << bad;
  }
  EXPECT_THAT(
      loader_.mistakes(table(keys, path + "&api_key=s3cret")),
      ElementsAre(AllOf(StartsWith("FILE:2: warm.path: has an api_key"), testing::Not(HasSubstr("s3cret")))));
}

TEST_F(WarmingsTest, AreThereOnce) {
  const std::string one = table("at = \"06:30\"\n");
  EXPECT_THAT(loader_.mistakes(one + one), ElementsAre(HasSubstr("is there twice")));
}

TEST_F(WarmingsTest, ComeBackFromTheEffectiveSettings) {
  const auto settings = loader_.load(table("at = \"06:05\"\n"));
  ASSERT_TRUE(settings) << settings.error().context;
  const auto again = loader_.load(effective_toml(*settings));
  ASSERT_TRUE(again) << again.error().context;
  EXPECT_EQ(again->named_warmings, settings->named_warmings);
}

TEST_F(WarmingsTest, AreTakenByARunningDaemon) {
  const auto before = loader_.load("");
  auto after = loader_.load(table("at = \"06:05\"\n") + "[warming]\nlearn = false\n");
  ASSERT_TRUE(before && after) << after.error().context;
  const Changes changes = keep_what_cannot_change(*before, *after);
  EXPECT_THAT(changes.taken, testing::UnorderedElementsAre("warming.learn", "[[warm]]"));
  EXPECT_THAT(changes.needs_restart, IsEmpty());
  EXPECT_EQ(after->named_warmings.size(), 1U);
}

TEST_F(WarmingsTest, SettleForHalfADayAtTheMost) {
  EXPECT_THAT(loader_.mistakes("[warming]\nsettling_time = \"12h\"\n"), IsEmpty());
  EXPECT_THAT(loader_.mistakes("[warming]\nsettling_time = \"0ms\"\n"), IsEmpty());
  EXPECT_THAT(loader_.mistakes("[warming]\nsettling_time = \"13h\"\n"),
              ElementsAre(StartsWith("FILE:2: warming.settling_time: ")));
}

}  // namespace
}  // namespace roktcached::config
