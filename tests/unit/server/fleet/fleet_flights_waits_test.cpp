#include "server/fleet/fleet_flights.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/server/fleet/fleet_flights_fixture.h"

namespace roktcached::fleet {
namespace {

class FleetFlightsWaitTest : public FleetFlightsFixture {};

TEST_F(FleetFlightsWaitTest, AnAnswerThatLandsMeanwhileIsShared) {
  const auto joined = wait_for_another();
  const auto theirs = response("theirs");
  tell({.fence = "5"}, "", crew().names.of("emea /another LATEST"));
  EXPECT_FALSE(*joined) << "another key's";
  tell_response(theirs);
  ASSERT_EQ(body_of(joined), "theirs");
  EXPECT_TRUE((**joined).outcome->of_fleet);
  EXPECT_TRUE((**joined).outcome->stored());
  EXPECT_EQ((**joined).outcome->to_store.size(), 1U);
  EXPECT_EQ((**joined).outcome->upstream_status, 200U);
  EXPECT_EQ(flights.counts().waited, 1U);
  EXPECT_EQ(engine.heard("flight").size(), 1U);
}

TEST_F(FleetFlightsWaitTest, AnAnswerThatIsNotStoredIsSharedToo) {
  const auto joined = wait_for_another();
  tell_response(response("theirs"),
                {.kind = "answered", .fresh = std::to_string(static_cast<int>(Storing::not_json))});
  ASSERT_EQ(body_of(joined), "theirs");
  EXPECT_EQ((**joined).outcome->storing, Storing::not_json);
  EXPECT_TRUE((**joined).outcome->to_store.empty());
  for (const std::string lie : {"0", "9999", "x"}) {
    const auto again = wait_for_another();
    tell_response(response("theirs"), {.kind = "answered", .fresh = lie});
    ASSERT_EQ(body_of(again), "theirs");
    EXPECT_EQ((**again).outcome->storing, Storing::no_answer) << "never as if it were to be stored: " << lie;
  }
}

TEST_F(FleetFlightsWaitTest, AFailureIsShared) {
  const auto joined = wait_for_another();
  tell({.kind = "failed"}, written(*failure_of(ErrorCode::upstream_timeout)->failure));
  ASSERT_TRUE(*joined && (**joined).outcome);
  EXPECT_EQ((**joined).outcome->failure->error.code, ErrorCode::upstream_timeout);
  EXPECT_EQ((**joined).outcome->failure->retry_after, 3s);
  EXPECT_TRUE((**joined).outcome->of_fleet);
  EXPECT_EQ(flights.counts().failed, 1U);
  EXPECT_FALSE((**joined).duty);
}

TEST_F(FleetFlightsWaitTest, WhatLandsWithoutItsBodyIsReadFromTheEngine) {
  request.takes_stored = false;
  const auto joined = wait_for_another();
  EXPECT_EQ(latest("flight")[2], "0");
  tell({.kind = "landed"}, "");
  ASSERT_EQ(engine.heard("flight").size(), 2U);
  EXPECT_EQ(latest("flight")[2], "1") << "it has been fetched since the request came";
}

TEST_F(FleetFlightsWaitTest, WhereAFlightEndsWithNothingToTellItIsAskedAgain) {
  auto old = response("theirs");
  old.fetched_at = clock.wall - 10'001ms;
  auto another = response("theirs");
  another.key = caching::Key("emea /b LATEST");
  const auto told_of = [&](const std::string& why, const std::function<void()>& event) {
    const std::size_t asked = engine.heard("flight").size();
    const auto joined = wait_for_another();
    event();
    EXPECT_FALSE(*joined) << why;
    EXPECT_EQ(engine.heard("flight").size(), asked + 2) << why;
    EXPECT_EQ(latest("flight")[2], "1") << why << ": what has landed meanwhile will do";
    say("flight", texts_reply("lead", "5", "0-0", "0"));
    EXPECT_TRUE(is_alone(joined)) << why;
  };
  told_of("ended", [&] { tell({.kind = "ended"}, ""); });
  told_of("no failure", [&] { tell({.kind = "failed"}, "rubbish"); });
  told_of("told long ago", [&] { tell_response(old); });
  told_of("another key's", [&] { tell_response(another); });
  told_of("not its time", [&] { tell_response(response("theirs"), {.fetched = "5"}); });
  told_of("after a purge that nobody knows", [&] { tell_response(response("theirs"), {.begun = "9-0"}); });
  told_of("sealed as another kind", [&] {
    const auto theirs = response("theirs");
    const FlightEntry entry = entry_of(theirs, {.kind = "landed"});
    const EngineReply event =
        texts_reply("k", "answered", "h", name(), "f", entry.fence, "fetched", entry.fetched, "fresh",
                    entry.fresh, "pos", entry.begun, "b", seal(written(theirs), entry));
    flights.take(0, LogEntry{event});
    run();
  });
  EXPECT_EQ(flights.counts().refused, 5U);
  EXPECT_EQ(flights.counts().waited, 0U);
  old.fetched_at = clock.wall - 10'000ms;
  const auto joined = wait_for_another();
  tell_response(old);
  EXPECT_EQ(body_of(joined), "theirs") << "clocks may be so far apart";
}

TEST_F(FleetFlightsWaitTest, TheEndOfOneFlightIsNotThatOfTheNext) {
  const auto joined = wait_for_another();
  tell({.kind = "ended"}, "");
  say("flight", texts_reply("flying", "6", "0-0", "1500"));
  EXPECT_FALSE(*joined);
  EXPECT_EQ(engine.heard("flight").size(), 2U);
  tell_response(response("theirs"), {.fence = "6"});
  EXPECT_EQ(body_of(joined), "theirs");
}

/// Fences are numbers: 9 comes before 10.
TEST_F(FleetFlightsWaitTest, TheEndOfAFlightBeforeTheOneThatIsWaitedForIsPassedOver) {
  const auto joined = join();
  say("flight", texts_reply("flying", "10", "0-0", "1500"));
  tell({.kind = "ended", .fence = "9"}, "");
  EXPECT_FALSE(*joined);
  EXPECT_EQ(engine.heard("flight").size(), 1U) << "it still waits";
  tell_response(response("theirs"), {.fence = "11"});
  EXPECT_EQ(body_of(joined), "theirs") << "it is newer";
}

TEST_F(FleetFlightsWaitTest, WhenALeaseEndsItIsAskedAgain) {
  clock.steady -= 2h;  // every wait ends at once
  const auto joined = join();
  engine.reply("flight", texts_reply("flying", "5", "0-0", "1500"));
  upstream::run_until(context, [&] { return engine.heard("flight").size() == 2; });
  EXPECT_EQ(latest("flight")[2], "1") << "nothing has changed";
  say("flight", texts_reply("lead", "6", "0-0", "0"));
  EXPECT_TRUE(is_alone(joined));
  EXPECT_EQ(flights.counts().led, 1U);
}

TEST_F(FleetFlightsWaitTest, NobodyWaitsForOthersForEver) {
  clock.steady -= 2h;
  engine.answer("flight", texts_reply("flying", "5", "0-0", "0"));
  const auto joined = upstream::begin(context, flights.join(request, turn));
  upstream::run_until(context, [&] { return !!*joined; });
  EXPECT_TRUE(is_alone(joined));
  EXPECT_EQ(engine.heard("flight").size(), 30U);
}

/// One that came before a purge and one that came after it.
TEST_F(FleetFlightsWaitTest, TwoThatWaitForOneKeyBothHearOfIt) {
  const auto first = wait_for_another();
  const auto second = wait_for_another();
  const auto third = wait_for_another();
  tell_response(response("theirs"));
  for (const auto& joined : {first, second, third}) EXPECT_EQ(body_of(joined), "theirs");
  const auto fourth = wait_for_another();
  tell_response(response("theirs"));
  EXPECT_EQ(body_of(fourth), "theirs");
}

TEST_F(FleetFlightsWaitTest, WhoeverWaitsAndIsNotWantedAnyMoreEnds) {
  const auto joined = wait_for_another();
  turn.abandon();
  run();
  EXPECT_TRUE(is_alone(joined));
  EXPECT_EQ(engine.heard("flight").size(), 1U);
}

TEST_F(FleetFlightsWaitTest, WhereTheEngineGoesWhoWaitsFetchesAlone) {
  const auto joined = wait_for_another();
  engine.is_together = false;
  flights.linked();
  run();
  EXPECT_TRUE(is_alone(joined));
  EXPECT_EQ(flights.counts().alone, 1U);
}

}  // namespace
}  // namespace roktcached::fleet
