#include "core/caching/dated_question.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::caching {
namespace {

using rokt::RelativeDay;

constexpr rokt::RelativeRange last_week{{RelativeDay::From::today, -7}, {RelativeDay::From::today, -1}};

Key report(const std::string& start, const std::string& end, const std::string& zone = "Asia/Kathmandu") {
  return Key("default /reporting/accounts/1/summary?dateStart=" + start + "&dateEnd=" + end +
             "&currency=USD&timeZoneVariation=" + zone + "&groupby=country LATEST");
}

TEST(DatedQuestion, OfAReportHasPlaceholdersInItsTarget) {
  const Key key = report("2026-11-22T00:00:00.000", "2026-11-28T23:59:59.000");
  const auto question = DatedQuestion::of(key);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->date_start(), "2026-11-22T00:00:00.000");
  EXPECT_EQ(question->date_end(), "2026-11-28T23:59:59.000");
  EXPECT_EQ(question->time_zone(), "Asia/Kathmandu");
  const QuestionTemplate made = question->with(last_week);
  EXPECT_EQ(made.target,
            "/reporting/accounts/1/summary?dateStart={today-7}T00:00:00.000&dateEnd={yesterday}T23:59:59.000"
            "&currency=USD&timeZoneVariation=Asia/Kathmandu&groupby=country");
  EXPECT_EQ(made.rokt_version, "LATEST");
  EXPECT_EQ(made.content, "");
  EXPECT_EQ(made.time_zone, "Asia/Kathmandu");
}

TEST(DatedQuestion, OfAQueryHasThemInItsContent) {
  const Key key(
      R"(default /v1/query/accounts/1/campaigns/ LATEST {"dimensionFilters":{"endDate":"x","startDate":["\"]"]},)"
      R"("endDate":"2026-11-28","interval":"day","startDate":"2026-11-22","timezoneVariation":"Asia/Kathmandu"})");
  const auto question = DatedQuestion::of(key);
  ASSERT_TRUE(question);
  const QuestionTemplate made = question->with(last_week);
  EXPECT_EQ(made.target, "/v1/query/accounts/1/campaigns/");
  EXPECT_EQ(
      made.content,
      R"({"dimensionFilters":{"endDate":"x","startDate":["\"]"]},"endDate":"{yesterday}","interval":"day",)"
      R"("startDate":"{today-7}","timezoneVariation":"Asia/Kathmandu"})");
}

TEST(DatedQuestion, HasAZoneWithAPlus) {
  const Key key = report("2026-11-22", "2026-11-28", "Etc/GMT%2B6");
  ASSERT_TRUE(DatedQuestion::of(key));
  EXPECT_EQ(DatedQuestion::of(key)->time_zone(), "Etc/GMT+6");
}

TEST(DatedQuestion, IsNoneWithoutDatesOrAZone) {
  for (
      const char* text :
      {"default /metadata/accounts/1/campaigns/2 LATEST",
       "default /x?dateStart=2026-11-22&dateEnd=2026-11-28&currency=USD LATEST",
       "default /x?dateStart=2026-11-22&timeZoneVariation=UTC LATEST",
       "default /x?dateStart=1&dateEnd=2&timeZoneVariation=UTC LATEST",
       R"(default /v1/query/accounts/1/campaigns/ LATEST {"endDate":"2026-11-28","startDate":"2026-11-22"})",
       R"(default /v1/x LATEST {"a":"{today}","endDate":"2026-11-28","startDate":"2026-11-22","timezoneVariation":"UTC"})",
       R"(default /v1/x LATEST {"endDate":"2026-11\u002d28","startDate":"2026-11-22","timezoneVariation":"UTC"})"}) {
    EXPECT_FALSE(DatedQuestion::of(Key(text))) << text;
  }
}

TEST(DatedQuestion, SharesItsHashWithThoseOfOtherDays) {
  const auto hash = [](const Key& key) { return DatedQuestion::of(key)->hash_without_days(); };
  const KeyHash monday = hash(report("2026-11-22T00:00:00.000", "2026-11-28T23:59:59.000"));
  EXPECT_EQ(monday, hash(report("2026-11-23T00:00:00.000", "2026-11-29T23:59:59.000")));
  EXPECT_FALSE(monday == hash(report("2026-11-22T00:00:00.000", "2026-11-28T23:59:59.999")));
  EXPECT_FALSE(monday == hash(report("2026-11-22", "2026-11-28")));
  EXPECT_FALSE(monday == hash(report("2026-11-22T00:00:00.000", "2026-11-28T23:59:59.000", "UTC")));
}

}  // namespace
}  // namespace roktcached::caching
