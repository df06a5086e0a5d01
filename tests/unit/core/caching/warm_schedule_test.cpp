#include "core/caching/warm_schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/http/date.h"
#include "core/rokt/date_range.h"

namespace roktcached::caching {
namespace {

using namespace std::chrono_literals;
using rokt::LocalDay;
using rokt::TimeZone;
using std::chrono::days;
using std::chrono::minutes;

WallTime utc(std::string_view text) {
  return WallTime(rokt::DateParameter::parse(text)->earliest.time_since_epoch());
}

/// A dashboard that asks on some days, and a cache that does what the schedule says.
class WarmScheduleTest : public testing::Test {
 protected:
  WarmScheduleTest() { schedule.change({}, {}); }

  /// The key of yesterday's report, on the day of `now`.
  [[nodiscard]] Key yesterday(WallTime now) const {
    const LocalDay day = rokt::local_day(now, *TimeZone::find(zone)) - days{1};
    return Key("default /reporting/accounts/" + account + "/summary?dateStart=" + rokt::text_of(day) +
               "T00:00:00.000&dateEnd=" + rokt::text_of(day) +
               "T23:59:59.000&currency=USD&timeZoneVariation=" + zone + " LATEST");
  }
  void ask(WallTime now) { schedule.asked(yesterday(now), {lifetime, false}, now); }
  /// A time of the zone's clock.
  [[nodiscard]] WallTime at(std::string_view local) const {
    return TimeZone::find(zone)->to_wall_latest(rokt::DateParameter::parse(local)->earliest);
  }
  void ask_on(std::initializer_list<const char*> local_days, const std::string& clock = "T08:15:00") {
    for (const char* day : local_days) ask(at(day + clock));
  }

  /// Does what is due, minute by minute, and says when what was fetched.
  std::vector<std::string> warm_until(WallTime& now, WallTime until) {
    std::vector<std::string> fetched;
    for (; now < until; now += minutes{1}) {
      schedule.look_for_uses([this](const KeyHash& hash) { return entry_of(hash); }, now);
      while (const auto due = schedule.take_due(now)) {
        fetched.push_back(http::format_date(now).substr(17, 5) + " " +
                          *rokt::fill_dates(due->question.target, due->day));
        const Key key("default " + *rokt::fill_dates(due->question.target, due->day) + " LATEST");
        const WarmedEntry entry{key.hash(), now, now + lifetime, 0};
        entries[fetched.back().substr(6)] = entry;
        schedule.has_warmed(due->id, entry, true);
      }
    }
    return fetched;
  }
  [[nodiscard]] std::optional<WarmedEntry> entry_of(const KeyHash& hash) const {
    for (const auto& [target, entry] : entries) {
      if (entry.hash == hash) return entry;
    }
    return std::nullopt;
  }
  void use_all() {
    for (auto& [target, entry] : entries) ++entry.finds;
  }

  WarmSchedule schedule;
  std::string zone = "UTC";
  std::string account = "1";
  std::chrono::milliseconds lifetime = 1h;
  std::map<std::string, WarmedEntry> entries;  // by target
};

TEST_F(WarmScheduleTest, LearnsOnTheThirdOfFiveDays) {
  ask_on({"2026-11-02", "2026-11-03"});
  EXPECT_EQ(schedule.totals().learned, 0U);
  ask_on({"2026-11-06"});
  ASSERT_EQ(schedule.totals().learned, 1U);
  const QuestionTemplate& question = schedule.templates().front()->question();
  EXPECT_EQ(
      question.target,
      "/reporting/accounts/1/summary?dateStart={yesterday}T00:00:00.000&dateEnd={yesterday}T23:59:59.000"
      "&currency=USD&timeZoneVariation=UTC");
}

TEST_F(WarmScheduleTest, LearnsNothingFromThreeDaysOfSixOrManyRequestsOfOne) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-07"});
  for (int i = 0; i < 100; ++i) ask(at("2026-11-07T09:00:00") + minutes{i});
  EXPECT_EQ(schedule.totals().learned, 0U);
}

TEST_F(WarmScheduleTest, LearnsNothingOfDatesThatStay) {
  const Key quarter(
      "default "
      "/reporting/accounts/1/summary?dateStart=2026-04-01T00:00:00.000&dateEnd=2026-06-30T23:59:59.000"
      "&currency=USD&timeZoneVariation=UTC LATEST");
  for (int day = 0; day < 10; ++day)
    schedule.asked(quarter, {lifetime, false}, utc("2026-11-02T08:00:00") + days{day});
  EXPECT_EQ(schedule.totals().learned, 0U);
}

TEST_F(WarmScheduleTest, LearnsNothingWhereItIsNotTo) {
  schedule.change({.learn = false}, {});
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  EXPECT_EQ(schedule.totals().learned, 0U);
  schedule.change({}, {});
  ask_on({"2026-11-09", "2026-11-10", "2026-11-11"});
  EXPECT_EQ(schedule.totals().learned, 1U);
  schedule.change({.learn = false}, {});
  EXPECT_EQ(schedule.totals().learned, 0U);
}

TEST_F(WarmScheduleTest, FetchesShortlyBeforeTheFirstRequestIsExpected) {
  ask_on({"2026-11-02", "2026-11-03"});
  ask_on({"2026-11-04"}, "T08:05:00");
  WallTime now = at("2026-11-05T00:00:00");
  EXPECT_EQ(warm_until(now, at("2026-11-05T08:16:00")),
            std::vector<std::string>{"07:35 /reporting/accounts/1/summary?dateStart=2026-11-04T00:00:00.000&"
                                     "dateEnd=2026-11-04T23:59:59.000&currency=USD&timeZoneVariation=UTC"});
  use_all();
  EXPECT_TRUE(warm_until(now, at("2026-11-06T00:00:00")).empty());
  EXPECT_EQ(schedule.totals().counts.used, 1U);
  EXPECT_EQ(schedule.totals().counts.unused, 0U);
}

TEST_F(WarmScheduleTest, FetchesNotBeforeTheNightHasSettled) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"}, "T02:10:00");
  WallTime now = at("2026-11-05T00:00:00");
  const auto fetched = warm_until(now, at("2026-11-05T02:05:00"));
  ASSERT_EQ(fetched.size(), 1U);
  EXPECT_EQ(fetched[0].substr(0, 5), "02:00");
}

TEST_F(WarmScheduleTest, FetchesNothingThatClientsHaveAskedForAlready) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  ask(at("2026-11-05T00:30:00"));
  WallTime now = at("2026-11-05T00:31:00");
  EXPECT_TRUE(warm_until(now, at("2026-11-06T00:00:00")).empty());
}

TEST_F(WarmScheduleTest, LooksAgainWhileNobodyHasComeThreeTimesAtMost) {
  ask_on({"2026-11-02", "2026-11-03"});
  ask_on({"2026-11-04"}, "T14:00:00");
  WallTime now = at("2026-11-05T00:00:00");
  EXPECT_EQ(warm_until(now, at("2026-11-06T00:00:00")).size(), 3U);
  EXPECT_EQ(schedule.totals().counts.warmed, 1U) << "one instance, however often it was looked at";
  warm_until(now, at("2026-11-06T00:01:00"));
  EXPECT_EQ(schedule.totals().counts.unused, 1U);
}

TEST_F(WarmScheduleTest, ForgetsWhatNobodyUsesTwice) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  WallTime now = at("2026-11-05T00:00:00");
  EXPECT_FALSE(warm_until(now, at("2026-11-06T00:00:00")).empty());
  EXPECT_FALSE(warm_until(now, at("2026-11-07T00:00:00")).empty());
  EXPECT_TRUE(warm_until(now, at("2026-11-14T00:00:00")).empty());
  EXPECT_EQ(schedule.totals().learned, 0U);
  EXPECT_EQ(schedule.totals().forgotten, 1U);
  EXPECT_EQ(schedule.totals().counts.warmed, 2U);
  EXPECT_EQ(schedule.totals().counts.unused, 2U);
}

TEST_F(WarmScheduleTest, KeepsWhatIsUsedOnEveryOtherDay) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  WallTime now = at("2026-11-05T00:00:00");
  for (int day = 5; day < 12; ++day) {
    const WallTime midnight = at("2026-11-04T00:00:00") + days{day - 4};
    warm_until(now, midnight + 9h);
    if (day % 2 == 0) use_all();
    warm_until(now, midnight + 24h);
  }
  EXPECT_EQ(schedule.totals().learned, 1U);
}

// A working week is learned on Wednesday. Nobody comes on the weekend; on Monday all of them come.
TEST_F(WarmScheduleTest, IsThereOnMondayAgain) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  WallTime now = at("2026-11-05T00:00:00");
  std::vector<std::string> weekdays;
  for (int day = 3; day < 19; ++day) {
    const WallTime midnight = at("2026-11-02T00:00:00") + days{day};
    if (!warm_until(now, midnight + 9h).empty()) weekdays.push_back(http::format_date(midnight).substr(0, 3));
    if (day % 7 < 5) use_all();
    warm_until(now, midnight + 24h);
  }
  EXPECT_EQ(weekdays, (std::vector<std::string>{"Thu", "Fri", "Mon", "Tue", "Wed", "Thu", "Fri", "Mon", "Tue",
                                                "Wed", "Thu", "Fri"}));
  EXPECT_EQ(schedule.totals().counts.unused, 0U);
}

TEST_F(WarmScheduleTest, KnowsThatAStaleAnswerWasUsedWhichIsRefreshedBehind) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  WallTime now = at("2026-11-05T00:00:00");
  ASSERT_FALSE(warm_until(now, at("2026-11-05T08:00:00")).empty());
  schedule.asked(yesterday(now), {lifetime, true}, now);
  EXPECT_EQ(schedule.totals().counts.used, 1U);
}

TEST_F(WarmScheduleTest, KnowsThatAClientHasSharedItsFetch) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  const WallTime now = at("2026-11-05T07:45:00");
  const auto due = schedule.take_due(now);
  ASSERT_TRUE(due);
  ask(now);
  schedule.has_warmed(due->id, {yesterday(now).hash(), now, now + lifetime, 0}, true);
  EXPECT_EQ(schedule.totals().counts.used, 1U);
  EXPECT_FALSE(schedule.take_due(now + 2h));
}

TEST_F(WarmScheduleTest, DoesNotForgetWhatComesTooEarlyToBeOfUse) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  WallTime now = at("2026-11-05T00:00:00");
  for (int day = 5; day <= 6; ++day) {
    const WallTime midnight = at("2026-11-01T00:00:00") + days{day - 1};
    warm_until(now, midnight + 16h);
    ask(now);  // long after it was fresh
    warm_until(now, midnight + 24h);
  }
  warm_until(now, at("2026-11-07T01:00:00"));
  EXPECT_EQ(schedule.totals().counts.unused, 2U);
  EXPECT_EQ(schedule.totals().learned, 1U);
}

TEST_F(WarmScheduleTest, TriesAgainWhatCouldNotBeFetchedWhileItIsWanted) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  const WallTime due_at = at("2026-11-05T07:45:00");
  const auto due = schedule.take_due(due_at);
  ASSERT_TRUE(due);
  EXPECT_FALSE(schedule.take_due(due_at)) << "it is under way";
  schedule.has_failed(due->id, {"busy", false, due_at + 30s});
  EXPECT_FALSE(schedule.take_due(due_at + 29s));
  const auto again = schedule.take_due(due_at + 30s);
  ASSERT_TRUE(again);
  schedule.has_failed(again->id, {"busy", false, due_at + 10h});
  EXPECT_FALSE(schedule.take_due(due_at + 10h)) << "nobody is expected any more";
  EXPECT_EQ(schedule.totals().counts.warmed, 0U);
}

TEST_F(WarmScheduleTest, GivesUpWhatOnlyFails) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  unsigned calls = 0;
  for (WallTime now = at("2026-11-05T00:00:00"); now < at("2026-11-10T00:00:00"); now += minutes{1}) {
    if (const auto due = schedule.take_due(now)) {
      ++calls;
      schedule.has_failed(due->id, {"failed: 403", true, now + 5min});
    }
  }
  EXPECT_EQ(calls, 6U) << "three on each of two days";
  EXPECT_EQ(schedule.totals().counts.failed, 2U);
  EXPECT_EQ(schedule.totals().forgotten, 1U);
}

TEST_F(WarmScheduleTest, LearnsQueriesToo) {
  for (int day = 2; day < 5; ++day) {
    const std::string date = rokt::text_of(LocalDay(std::chrono::year{2026} / 11 / day));
    const std::string before = rokt::text_of(LocalDay(std::chrono::year{2026} / 11 / day) - days{1});
    schedule.asked(Key("default /v1/query/accounts/1/campaigns/ LATEST {\"endDate\":\"" + date +
                       R"(","startDate":")" + before + R"(","timezoneVariation":"UTC"})"),
                   {lifetime, false}, utc(date + "T08:00:00"));
  }
  ASSERT_EQ(schedule.totals().learned, 1U);
  EXPECT_EQ(schedule.templates().front()->question().content,
            R"({"endDate":"{today}","startDate":"{yesterday}","timezoneVariation":"UTC"})");
}

TEST_F(WarmScheduleTest, IsBounded) {
  for (int i = 0; i < 20'000; ++i) {
    account = std::to_string(i);
    ask_on({"2026-11-02"});
  }
  EXPECT_LE(schedule.learned().size(), WarmSchedule::most_histories);
  for (int i = 0; i < 2000; ++i) {
    account = std::to_string(i);
    ask_on({"2026-11-09", "2026-11-10", "2026-11-11"});
  }
  EXPECT_EQ(schedule.totals().learned, WarmSchedule::most_templates);
}

/// Where it is full, what is new is learned again on the first day on which something is too old.
TEST_F(WarmScheduleTest, MakesRoomOnceADay) {
  for (int i = 0; i < 20'000; ++i) {
    account = std::to_string(i);
    ask_on({"2026-11-02"});
  }
  ASSERT_EQ(schedule.learned().size(), WarmSchedule::most_histories);
  const auto learns = [&](const char* day) {
    account = "another";
    const std::size_t before = schedule.learned().size();
    ask_on({day});
    return schedule.learned().size() != before;
  };
  EXPECT_FALSE(learns("2026-11-02"));
  EXPECT_FALSE(learns("2026-11-01")) << "none is of days that are still to come in each zone";
  EXPECT_FALSE(learns("2026-11-06")) << "none is five days old";
  EXPECT_TRUE(learns("2026-11-07"));
  EXPECT_LT(schedule.learned().size(), 10U) << "all others were too old";
  for (int i = 0; i < 20'000; ++i) {
    account = std::to_string(i);
    ask_on({"2028-11-02"});
  }
  EXPECT_TRUE(learns("2026-11-08")) << "the clock was set back: all others are of days that are to come";
}

TEST_F(WarmScheduleTest, ComesBackAfterARestart) {
  ask_on({"2026-11-02", "2026-11-03", "2026-11-04"});
  account = "2";
  ask_on({"2026-11-03", "2026-11-04"});
  WarmSchedule next;
  next.change({}, {});
  next.restore(schedule.learned());
  EXPECT_EQ(next.totals().learned, 1U);
  next.asked(yesterday(at("2026-11-05T08:15:00")), {lifetime, false}, at("2026-11-05T08:15:00"));
  EXPECT_EQ(next.totals().learned, 2U);
}

NamedWarming half_past_six(const std::string& zone) {
  return {{"/reporting/accounts/1/summary?dateStart={yesterday}", "LATEST", "", zone}, 390min};
}

TEST_F(WarmScheduleTest, FetchesWhatIsNamedAtItsTimeEveryDay) {
  schedule.change({.learn = false}, {half_past_six("UTC")});
  WallTime now = at("2026-11-07T00:00:00");  // a Saturday
  std::size_t fetched = 0;
  for (int day = 7; day < 17; ++day) {
    const auto today = warm_until(now, at("2026-11-06T00:00:00") + days{day - 5});
    fetched += today.size();
    ASSERT_EQ(today.at(0).substr(0, 5), "06:30");
  }
  EXPECT_EQ(fetched, 10U) << "unused, and not forgotten";
  EXPECT_EQ(schedule.totals().counts.unused, 9U);
  schedule.change({}, {});
  EXPECT_EQ(schedule.totals().named, 0U);
}

TEST_F(WarmScheduleTest, DoesNotFetchInTheEveningWhatIsNamedForTheMorning) {
  schedule.change({}, {half_past_six("UTC")});
  WallTime now = at("2026-11-05T20:00:00");
  EXPECT_TRUE(warm_until(now, at("2026-11-06T06:30:00")).empty());
  EXPECT_EQ(warm_until(now, at("2026-11-06T06:31:00")).size(), 1U);
}

/// Of a report that is asked for at 8:15 of its zone's clock on three days before `day`: when it is fetched.
std::string fetched_at(const std::string& zone_name, const std::string& day,
                       const char* clock = "T08:15:00") {
  class Player : public WarmScheduleTest {
   public:
    void TestBody() override {}
    std::string play(const std::string& zone_name, const std::string& day, const std::string& clock) {
      zone = zone_name;
      const LocalDay today = std::chrono::floor<days>(rokt::DateParameter::parse(day)->earliest);
      for (int before = 3; before > 0; --before) ask(at(rokt::text_of(today - days{before}) + clock));
      WallTime now = at(rokt::text_of(today - days{1}) + "T20:00:00");
      const auto fetched = warm_until(now, at(rokt::text_of(today) + clock));
      if (fetched.empty()) return "nothing";
      const std::string target = fetched.front().substr(6);
      const std::string wanted = "dateStart=" + rokt::text_of(today - days{1}) + "T";
      return target.find(wanted) == std::string::npos ? target : fetched.front().substr(0, 5);
    }
  };
  return Player().play(zone_name, day, clock);
}

TEST(WarmScheduleAroundMidnight, IsOnTheClockOfTheZone) {
  // 08:15 in Kathmandu is 02:30 in London; half an hour before, it is fetched.
  EXPECT_EQ(fetched_at("Asia/Kathmandu", "2026-11-05"), "02:00");
  EXPECT_EQ(fetched_at("Australia/Lord_Howe", "2026-11-05"), "20:45");  // of the evening before, in London
  EXPECT_EQ(fetched_at("America/Santiago", "2026-11-05"), "10:45");
  // Early birds wait until two hours after midnight.
  EXPECT_EQ(fetched_at("Asia/Kathmandu", "2026-11-05", "T02:20:00"), "20:15");
  EXPECT_EQ(fetched_at("Australia/Lord_Howe", "2026-11-05", "T02:20:00"), "15:00");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-11-05", "T02:20:00"), "05:00");
}

TEST(WarmScheduleAroundMidnight, IsRightOnTheDaysWhenTheClockIsSet) {
  // Lord Howe sets its clock forward by half an hour on Sunday, 4 October 2026, and back on 5 April. On the
  // Monday after, 8:15 is asked at again.
  EXPECT_EQ(fetched_at("Australia/Lord_Howe", "2026-10-02"), "21:15");
  EXPECT_EQ(fetched_at("Australia/Lord_Howe", "2026-10-05"), "20:45");
  EXPECT_EQ(fetched_at("Australia/Lord_Howe", "2026-04-06"), "21:15");
  // Santiago has no midnight on 6 September 2026, a Sunday, and 23:00 twice on 4 April.
  EXPECT_EQ(fetched_at("America/Santiago", "2026-09-04"), "11:45");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-09-07"), "10:45");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-04-03"), "10:45");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-04-06"), "11:45");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-09-07", "T02:20:00"), "05:00");
  EXPECT_EQ(fetched_at("America/Santiago", "2026-04-06", "T02:20:00"), "06:00");
}

TEST(WarmScheduleAroundMidnight, SettlesAfterAMidnightThatDoesNotExist) {
  // In Santiago 6 September begins at 1:00, which is 04:00 in London: from there it settles for two hours.
  EXPECT_EQ(fetched_at("America/Santiago", "2026-09-06", "T03:10:00"), "06:00");
}

}  // namespace
}  // namespace roktcached::caching
