#include "core/caching/ask_history.h"

#include <gtest/gtest.h>

namespace roktcached::caching {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr rokt::LocalDay monday = rokt::LocalDay(std::chrono::year{2026} / 11 / 2);

AskHistory asked_on_days(std::initializer_list<int> after_monday) {
  AskHistory history;
  for (const int day : after_monday) history.asked(monday + days{day}, minutes{495});
  return history;
}

TEST(AskHistory, CountsDaysAndNotRequests) {
  AskHistory history;
  EXPECT_TRUE(history.asked(monday, minutes{500}));
  EXPECT_FALSE(history.asked(monday, minutes{501}));
  EXPECT_TRUE(history.asked(monday + days{2}, minutes{480}));
  EXPECT_FALSE(history.asked(monday + days{1}, minutes{480})) << "the clock was set back";
  EXPECT_EQ(history.days_asked(5, monday + days{2}), 2U);
  EXPECT_EQ(history.days_asked(5, monday + days{4}), 2U);
  EXPECT_EQ(history.days_asked(5, monday + days{5}), 1U);
  EXPECT_EQ(history.days_asked(5, monday + days{60}), 0U);
  EXPECT_TRUE(history.asked_on(monday));
  EXPECT_FALSE(history.asked_on(monday + days{1}));
}

TEST(AskHistory, BeginsAnewWhereTheClockHadBeenAhead) {
  AskHistory history = asked_on_days({30, 31, 32});
  EXPECT_TRUE(history.is_ahead_of(monday + days{30}));
  EXPECT_FALSE(history.is_ahead_of(monday + days{31})) << "where it is still the day before";
  EXPECT_FALSE(AskHistory().is_ahead_of(monday));
  EXPECT_TRUE(history.asked(monday, minutes{0}));
  EXPECT_EQ(history.last_day(), monday);
  EXPECT_EQ(history.days_asked(5, monday + days{32}), 0U);
  EXPECT_EQ(history.earliest(), minutes{0}) << "times of days that have not been";
}

TEST(AskHistory, ForgetsWhatIsLongAgo) {
  AskHistory history = asked_on_days({0, 1, 2});
  EXPECT_TRUE(history.asked(monday + days{100}, minutes{0}));
  EXPECT_EQ(history.days_asked(32, monday + days{100}), 1U);
}

TEST(AskHistory, KnowsWhenTheFirstRequestOfADayUsuallyComes) {
  AskHistory history;
  for (const int at : {60, 500, 490, 510, 495, 505}) {
    static int day = 0;
    history.asked(monday + days{day++}, minutes{at});
  }
  EXPECT_EQ(history.earliest(), minutes{490}) << "five days back, and no further";
  EXPECT_EQ(history.latest(), minutes{510});
}

TEST(AskHistory, ExpectsNobodyOnAWeekendAtFirst) {
  const AskHistory history = asked_on_days({0, 1, 2});
  EXPECT_TRUE(history.is_likely_on(monday + days{3}));
  EXPECT_TRUE(history.is_likely_on(monday + days{4}));
  EXPECT_FALSE(history.is_likely_on(monday + days{5}));
  EXPECT_FALSE(history.is_likely_on(monday + days{6}));
  EXPECT_TRUE(asked_on_days({-1, 0, 1}).is_likely_on(monday + days{5})) << "Sunday was asked on";
}

TEST(AskHistory, ExpectsTheDaysOfTheWeekThatWereAskedOn) {
  const AskHistory history = asked_on_days({0, 1, 2, 3, 5});  // a week that ends on Thursday, and a Saturday
  EXPECT_TRUE(history.is_likely_on(monday + days{7}));
  EXPECT_FALSE(history.is_likely_on(monday + days{11}));
  EXPECT_TRUE(history.is_likely_on(monday + days{12}));
  EXPECT_TRUE(history.is_likely_on(monday + days{14})) << "a holiday a week ago";
  EXPECT_TRUE(asked_on_days({5, 7, 8}).is_likely_on(monday + days{12})) << "the first Saturday is a week ago";
}

TEST(AskHistory, ComesBackFromItsRecordAndFromNoOther) {
  const AskHistory history = asked_on_days({0, 2, 3});
  const auto again = AskHistory::of(history.record());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->days_asked(5, monday + days{3}), 3U);
  EXPECT_EQ(again->earliest(), history.earliest());
  AskHistory::Record record = history.record();
  record.times = 6;
  EXPECT_FALSE(AskHistory::of(record));
  record = history.record();
  record.first_asks[0] = 24 * 60;
  EXPECT_FALSE(AskHistory::of(record));
  record = history.record();
  record.days = 2;
  EXPECT_FALSE(AskHistory::of(record));
  EXPECT_FALSE(AskHistory::of({}));
}

}  // namespace
}  // namespace roktcached::caching
