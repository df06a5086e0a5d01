#include "server/fleet/fleet_budget.h"

#include <gtest/gtest.h>

#include "tests/unit/server/fleet/fleet_budget_fixture.h"

namespace roktcached::fleet {
namespace {

class FleetBudgetTest : public FleetBudgetFixture {};

TEST_F(FleetBudgetTest, ItAsksForAsManyAsWaitAndForTwoAtMost) {
  want(1);
  EXPECT_EQ(asked(), 1U);
  want(1);
  EXPECT_EQ(asked(), 1U) << "one is asked for already";
  want(7);
  EXPECT_EQ(asked(), 2U);
  EXPECT_EQ(engine.heard("budget")[0]->keys, (Words{crew.prefix + "b", crew.prefix + "m", crew.prefix + "log",
                                                    crew.prefix + "w", crew.prefix + "ws"}));
  EXPECT_EQ(latest(),
            (Words{"reserve", "9.500000", "10", "9.500000", "3", "1300", "1000", "0", "0", "owner"}))
      << "95 % of the ceiling, half of the burst, and how many members are known";
  say({});
  want(7);
  EXPECT_EQ(asked(), 2U) << "a grant and a question are two";
  EXPECT_TRUE(take());
  want(7, true);
  EXPECT_EQ(asked(), 3U);
  EXPECT_EQ(latest()[3], "8.000000") << "the rate that it was told";
  EXPECT_EQ(latest()[7], "1") << "refreshes alone wait";
}

TEST_F(FleetBudgetTest, AGrantIsForItsTime) {
  EXPECT_EQ(budget.until_available(clock.steady), 20ms) << "while nobody knows when, it is looked at soon";
  grant(300ms);
  EXPECT_EQ(changed, 1);
  EXPECT_FALSE(take());
  EXPECT_EQ(budget.until_available(clock.steady), 300ms);
  clock.advance(299ms);
  EXPECT_FALSE(take());
  clock.advance(1ms);
  EXPECT_EQ(budget.until_available(clock.steady), 0ms);
  EXPECT_TRUE(take());
  EXPECT_FALSE(take()) << "it is for one";
}

TEST_F(FleetBudgetTest, AGrantThatNobodyUsesIsVoidAfterAMoment) {
  grant(300ms);
  clock.advance(400ms);
  EXPECT_TRUE(take());
  grant(300ms);
  clock.advance(401ms);
  EXPECT_FALSE(take());
}

TEST_F(FleetBudgetTest, TheEarliestGrantIsTheNext) {
  want(2);
  say({.wait = 500ms});
  say({.wait = 200ms});
  EXPECT_EQ(budget.until_available(clock.steady), 200ms);
  clock.advance(200ms);
  EXPECT_TRUE(take());
  EXPECT_EQ(budget.until_available(clock.steady), 300ms);
}

TEST_F(FleetBudgetTest, AGrantThatIsGivenBackIsTheNextOnes) {
  grant(0ms);
  for (int times = 0; times < 100; ++times) {
    ASSERT_TRUE(take()) << times;
    budget.give_back(clock.steady);
  }
  EXPECT_TRUE(take());
  EXPECT_FALSE(take());
}

TEST_F(FleetBudgetTest, WhoIsRefusedAsksAgainWhenAGrantMayBeThere) {
  want(1);
  say({.granted = false, .wait = 1200ms});
  EXPECT_EQ(changed, 1);
  EXPECT_FALSE(take());
  EXPECT_EQ(budget.until_available(clock.steady), 700ms)
      << "half of what a grant may lie ahead is known by then";
  clock.advance(699ms);
  want(1);
  EXPECT_EQ(asked(), 1U);
  clock.advance(1ms);
  want(1);
  EXPECT_EQ(asked(), 2U);
  say({.granted = false, .wait = 1h});
  clock.advance(999ms);
  want(1);
  EXPECT_EQ(asked(), 2U);
  clock.advance(1ms);
  want(1);
  EXPECT_EQ(asked(), 3U) << "in a second, whatever it says";
  say({.granted = false, .wait = 0ms});
  clock.advance(19ms);
  want(1);
  EXPECT_EQ(asked(), 3U);
  clock.advance(1ms);
  want(1, true);
  EXPECT_EQ(asked(), 4U);
  say({.granted = false, .wait = 0ms});
  clock.advance(249ms);
  want(1, true);
  EXPECT_EQ(asked(), 4U) << "refreshes do not ask as often";
  clock.advance(1ms);
  want(1, true);
  EXPECT_EQ(asked(), 5U);
}

TEST_F(FleetBudgetTest, AGrantBeyondASecondIsNone) {
  want(1);
  say({.wait = 1001ms});
  clock.advance(1001ms);
  EXPECT_FALSE(take());
  want(1);
  say({.wait = 1000ms});
  clock.advance(1000ms);
  EXPECT_TRUE(take());
}

TEST_F(FleetBudgetTest, WithoutAnAnswerItAsksAgainInAMoment) {
  want(2);
  engine.fail("budget");
  run_what_can(context);
  EXPECT_EQ(changed, 1);
  EXPECT_TRUE(engine.lost.empty());
  want(2);
  EXPECT_EQ(asked(), 2U);
  clock.advance(20ms);
  want(2);
  EXPECT_EQ(asked(), 3U);
}

TEST_F(FleetBudgetTest, WhatIsNoAnswerEndsTheLink) {
  want(1);
  engine.reply("budget", texts_reply("1", "0", "1"));
  run_what_can(context);
  EXPECT_FALSE(engine.lost.empty());
  EXPECT_FALSE(take());
  EXPECT_EQ(changed, 1);
}

TEST_F(FleetBudgetTest, AnEngineThatIsInDoubtIsNotAsked) {
  engine.is_doubtful = true;
  want(1);
  EXPECT_EQ(asked(), 0U);
  EXPECT_TRUE(budget.together());
  engine.is_together = false;
  EXPECT_FALSE(budget.together());
}

TEST_F(FleetBudgetTest, WithoutACeilingThereIsNothingToShare) {
  budget.change(0, 0);
  EXPECT_FALSE(budget.together());
}

TEST_F(FleetBudgetTest, AHoldVoidsWhatWasGranted) {
  grant(0ms);
  budget.hold(2s);
  EXPECT_EQ(changed, 2);
  EXPECT_FALSE(take());
  EXPECT_TRUE(budget.paused(clock.steady));
  EXPECT_EQ(budget.available(clock.steady), 0);
  EXPECT_EQ(budget.until_available(clock.steady), 2s);
  want(1);
  EXPECT_EQ(asked(), 1U) << "nothing may go meanwhile";
  budget.hold(1s);
  EXPECT_EQ(budget.until_available(clock.steady), 2s) << "a shorter one ends none";
  clock.advance(2s);
  EXPECT_FALSE(budget.paused(clock.steady));
  EXPECT_FALSE(take());
  want(1);
  EXPECT_EQ(asked(), 2U);
  say({});
  budget.hold(-1s);
  EXPECT_FALSE(take()) << "none of any length, but what was granted is void";
  EXPECT_FALSE(budget.paused(clock.steady));
  budget.hold(24h);
  EXPECT_EQ(budget.until_available(clock.steady), 5min);
}

TEST_F(FleetBudgetTest, AGrantThatComesDuringAHoldWaitsForItsEnd) {
  want(1);
  budget.hold(50ms);
  say({});
  EXPECT_FALSE(take());
  clock.advance(50ms);
  EXPECT_TRUE(take());
}

TEST_F(FleetBudgetTest, A429IsToldByTheEnginesClock) {
  want(1);
  say({.wait = 300ms, .due_us = 7'300'000, .limited = 1});  // it is 7.0 s there
  const SteadyTime told_at = clock.steady;
  clock.advance(1s);
  budget.on_success(told_at + 1ms);
  budget.on_limited(told_at + 400ms, std::nullopt);
  run_what_can(context);
  EXPECT_EQ(latest(),
            (Words{"limited", "9.500000", "10", "8.000000", "3", "1300", "7400000", "0", "1", "10000"}));
  EXPECT_FALSE(budget.paused(clock.steady));
  say({.due_us = 0, .rate = "4", .limited = 2, .cuts = 1});
  EXPECT_EQ(budget.rate(), 4);
  EXPECT_EQ(budget.limited(), 2U);
  EXPECT_EQ(budget.cuts(), 1U);
  budget.on_limited(told_at + 500ms, 1500ms);
  run_what_can(context);
  EXPECT_EQ(latest()[6], "7500000") << "the answer to a 429 has no time in it";
  EXPECT_EQ(latest()[7], "1500");
  EXPECT_EQ(latest()[8], "0");
  EXPECT_TRUE(budget.paused(clock.steady + 1499ms));
  EXPECT_FALSE(budget.paused(clock.steady + 1500ms));
}

TEST_F(FleetBudgetTest, AcceptedAnswersAreToldOnceAndOnlyOfAfterA429) {
  budget.on_success(clock.steady);
  grant(0ms);
  EXPECT_EQ(latest()[8], "0") << "no 429 is known yet";
  EXPECT_TRUE(take());
  budget.on_limited(clock.steady, std::nullopt);
  run_what_can(context);
  say({.limited = 1});
  budget.on_success(clock.steady);
  budget.on_success(clock.steady + 1ms);
  budget.on_success(clock.steady + 2ms);
  grant(0ms);
  EXPECT_EQ(latest()[8], "2") << "one of the time of the 429 says nothing";
  EXPECT_TRUE(take());
  grant(0ms);
  EXPECT_EQ(latest()[8], "0");
}

TEST_F(FleetBudgetTest, WhatItIsToldIsBounded) {
  for (const auto& [rate, expected] : {std::pair{"1e308", 9.5}, std::pair{"-5", 9.5}, std::pair{"nan", 9.5},
                                       std::pair{"1e-300", 1.0 / 60}, std::pair{"5", 5.0}}) {
    want(1);
    say({.rate = rate, .free = "1e300", .limited = -4, .cuts = -1});
    EXPECT_EQ(budget.rate(), expected) << rate;
    EXPECT_TRUE(take());
    EXPECT_LE(budget.available(clock.steady), 10);
    EXPECT_EQ(budget.limited(), 0U);
    EXPECT_EQ(budget.cuts(), 0U);
    clock.advance(1h);
  }
  want(1);
  say({.rate = "5", .free = "-3"});
  EXPECT_EQ(budget.available(clock.steady), 0);
  EXPECT_EQ(budget.available(clock.steady + 400ms), 2) << "what has come since";
  EXPECT_EQ(budget.burst(), 10);
  budget.change(4, 3);
  EXPECT_NEAR(budget.rate(), 3.8, 1e-9);
  EXPECT_EQ(budget.burst(), 1);
}

TEST_F(FleetBudgetTest, AloneItHasItsPartOfTheRate) {
  EXPECT_NEAR(budget.alone().rate, 9.5 / 3, 1e-9);
  EXPECT_TRUE(budget.alone().one_at_once) << "the burst has one for each, as far as it knows";
  EXPECT_EQ(budget.alone().from, clock.steady);
  members.known = 11;
  EXPECT_FALSE(budget.alone().one_at_once);
  members.known = 3;
  want(1);
  say({.wait = 400ms, .rate = "6", .free = "2.5"});
  EXPECT_NEAR(budget.alone().rate, 2, 1e-9);
  EXPECT_FALSE(budget.alone().one_at_once);
  EXPECT_EQ(budget.alone().from, clock.steady + 400ms) << "what was granted is spent then";
  EXPECT_TRUE([&] {
    clock.advance(100ms);
    return budget.alone().one_at_once;
  }());
  budget.hold(1s);
  EXPECT_EQ(budget.alone().from, clock.steady + 1s);
}

TEST_F(FleetBudgetTest, AsManyMembersAreReckonedWithAsAreExpected) {
  FleetBudget of_many(context.get_executor(), engine, crew, members, 8, "owner", clock);
  of_many.change(16, 20);
  EXPECT_NEAR(of_many.alone().rate, 16 * 0.95 / 8, 1e-9);
  of_many.want(1, false);
  run_what_can(context);
  EXPECT_EQ(latest()[4], "8");
  end_asking();
}

TEST_F(FleetBudgetTest, BackTogetherNothingOfBeforeIsGood) {
  want(1);
  say({.granted = false, .wait = 1500ms});
  want(1);
  EXPECT_EQ(asked(), 1U);
  budget.linked();
  EXPECT_EQ(changed, 2);
  want(2);
  EXPECT_EQ(asked(), 3U) << "it need not wait for what it was told before";
  say({});
  engine.is_together = false;
  budget.linked();
  EXPECT_TRUE(take()) << "alone, what the fleet has granted is still good";
  engine.is_together = true;
  say({});
  budget.linked();
  EXPECT_FALSE(take());
}

}  // namespace
}  // namespace roktcached::fleet
