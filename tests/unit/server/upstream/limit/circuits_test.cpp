#include "server/upstream/limit/circuits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

using Admission = Circuit::Admission;
using State = Circuit::State;

constexpr SteadyTime circuit_start{std::chrono::hours{1}};

class CircuitTest : public testing::Test {
 protected:
  /// Requests that are sent now and end at once.
  void record(int count, bool ok) {
    for (int i = 0; i < count; ++i) circuit.record(ok, now, now);
  }
  void open() {
    record(8, false);
    ASSERT_EQ(circuit.state(), State::open);
  }

  Circuit circuit;
  SteadyTime now = circuit_start;
};

TEST_F(CircuitTest, ADeadUpstreamOpensItWithEightOutcomes) {
  record(7, false);
  EXPECT_EQ(circuit.state(), State::closed);
  EXPECT_EQ(circuit.admit(now), Admission::pass);
  record(1, false);
  EXPECT_EQ(circuit.state(), State::open);
  EXPECT_EQ(circuit.opened(), 1U);
  EXPECT_EQ(circuit.admit(now), Admission::refuse);
  EXPECT_EQ(circuit.refused(), 1U);
}

TEST_F(CircuitTest, AfterASpellOfSuccessItTakesHalfOfTheLastTwenty) {
  record(100, true);
  record(9, false);
  EXPECT_EQ(circuit.state(), State::closed);
  record(1, false);
  EXPECT_EQ(circuit.state(), State::open);
}

TEST_F(CircuitTest, OneSuccessAmongTheLatestEightKeepsItClosed) {
  for (int i = 0; i < 100; ++i) {
    record(7, false);
    record(1, true);
  }
  EXPECT_EQ(circuit.state(), State::closed);
}

TEST_F(CircuitTest, WhatIsOlderThanAMinuteDoesNotCount) {
  record(7, false);
  now += 61s;
  record(7, false);
  EXPECT_EQ(circuit.state(), State::closed);
  record(12, true);
  now += 61s;
  record(8, false);
  EXPECT_EQ(circuit.state(), State::open) << "nor do the successes";
}

TEST_F(CircuitTest, AnUpstreamThatFailsNowAndThenRarelyOpensIt) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Circuit circuit_of_seed;
    std::mt19937 random(seed);
    for (int outcomes = 0; outcomes < 20'000;) {
      now += 10ms;
      if (circuit_of_seed.admit(now) == Admission::refuse) continue;
      circuit_of_seed.record(random() % 10 >= 3, now, now);
      ++outcomes;
    }
    EXPECT_LT(circuit_of_seed.opened(), 5U) << "seed " << seed;
  }
}

TEST_F(CircuitTest, OpenItLetsOneProbeASecondThrough) {
  open();
  EXPECT_EQ(circuit.retry_after(now), 1s);
  for (int i = 0; i < 1000; ++i) {
    now += 10ms;
    if (circuit.admit(now) == Admission::probe) {
      EXPECT_EQ(circuit.retry_after(now), 1s);
      circuit.record(false, now, now);
    }
  }
  EXPECT_EQ(circuit.probes(), 10U);
  EXPECT_EQ(circuit.refused(), 990U);
  EXPECT_EQ(circuit.opened(), 1U) << "a failed probe leaves it open";
}

TEST_F(CircuitTest, AProbeThatNeverComesBackDelaysNoLaterOne) {
  open();
  for (int i = 0; i < 5; ++i) {
    now += 1s;
    EXPECT_EQ(circuit.retry_after(now), 0ns);
    EXPECT_EQ(circuit.admit(now), Admission::probe);
    EXPECT_EQ(circuit.admit(now), Admission::refuse);
  }
}

TEST_F(CircuitTest, TheFirstProbeThatSucceedsClosesIt) {
  open();
  now += 1s;
  ASSERT_EQ(circuit.admit(now), Admission::probe);
  circuit.record(true, now, now + 300ms);
  now += 300ms;
  EXPECT_EQ(circuit.state(), State::closed);
  EXPECT_EQ(circuit.retry_after(now), 0ns);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(circuit.admit(now), Admission::pass);
}

TEST_F(CircuitTest, FailuresOfRequestsFromBeforeTheRecoveryDoNotReopenIt) {
  const SteadyTime before = now;
  open();
  now += 1s;
  ASSERT_EQ(circuit.admit(now), Admission::probe);
  circuit.record(true, now, now + 20ms);
  now += 1s;
  for (int i = 0; i < 50; ++i) circuit.record(false, before, now);
  EXPECT_EQ(circuit.state(), State::closed);
  record(1, false);
  EXPECT_EQ(circuit.state(), State::closed) << "what came before is forgotten";
  record(7, false);
  EXPECT_EQ(circuit.state(), State::open) << "a second death is noticed like the first";
  EXPECT_EQ(circuit.opened(), 2U);
}

/// A clock has steps: what is sent in the same one has been sent after it.
TEST_F(CircuitTest, FailuresOfRequestsFromTheMomentOfTheRecoveryCount) {
  open();
  now += 1s;
  ASSERT_EQ(circuit.admit(now), Admission::probe);
  circuit.record(true, now, now);
  ASSERT_EQ(circuit.state(), State::closed);
  record(8, false);
  EXPECT_EQ(circuit.state(), State::open);
}

TEST_F(CircuitTest, ALateSuccessFromBeforeItOpenedDoesNotCloseIt) {
  const SteadyTime before = now;
  now += 5s;
  open();
  circuit.record(true, before, now + 100ms);
  EXPECT_EQ(circuit.state(), State::open);
}

using Change = Circuits::Change;

class CircuitsTest : public testing::Test {
 protected:
  /// Answers, or ends without one, to requests that are sent now; what the last of them has changed.
  Change record(int count, std::string_view route, unsigned status) {
    Change change = Change::none;
    for (int i = 0; i < count; ++i) change = circuits.record(route, status, now, now);
    return change;
  }

  Circuits circuits;
  SteadyTime now{1h};
};

TEST_F(CircuitsTest, StatusesOf502To504StopTheirRouteAlone) {
  for (const unsigned status : {502U, 503U, 504U}) {
    const std::string route = "route-" + std::to_string(status);
    EXPECT_EQ(record(7, route, status), Change::none);
    EXPECT_EQ(record(1, route, status), Change::route_opened);
    EXPECT_FALSE(circuits.admit(route, now));
    EXPECT_EQ(circuits.retry_after(route, now), 1s);
    EXPECT_TRUE(circuits.is_open(route));
  }
  EXPECT_THAT(circuits.open_routes(), ElementsAre("route-502", "route-503", "route-504"));
  EXPECT_EQ(circuits.upstream().state(), Circuit::State::closed);
  EXPECT_TRUE(circuits.admit("another", now));
  EXPECT_EQ(circuits.retry_after("another", now), 0s);
  EXPECT_FALSE(circuits.is_open("another"));
}

TEST_F(CircuitsTest, RoutesThatAreAskedForInTurnStayApart) {
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(circuits.admit("fails", now));
    EXPECT_TRUE(circuits.admit("works", now));
    record(1, "fails", 503);
    record(1, "works", 200);
  }
  EXPECT_THAT(circuits.open_routes(), ElementsAre("fails"));
  EXPECT_TRUE(circuits.admit("works", now));
  EXPECT_TRUE(circuits.is_open("fails"));
  EXPECT_FALSE(circuits.is_open("works"));
}

TEST_F(CircuitsTest, NoAnswerStopsEveryRoute) {
  EXPECT_EQ(record(4, "one", 0), Change::none);
  EXPECT_EQ(record(4, "two", 0), Change::upstream_opened);
  EXPECT_FALSE(circuits.admit("three", now));
  EXPECT_TRUE(circuits.is_open("three"));
  EXPECT_THAT(circuits.open_routes(), IsEmpty());
  now += 1s;
  EXPECT_TRUE(circuits.admit("three", now));
  EXPECT_EQ(record(1, "three", 503), Change::upstream_closed) << "it lives, whatever it says";
  EXPECT_TRUE(circuits.admit("one", now));
}

TEST_F(CircuitsTest, OtherErrorsAreAnswers) {
  for (const unsigned status : {400U, 401U, 403U, 404U, 429U, 500U, 501U, 599U})
    EXPECT_EQ(record(20, "route", status), Change::none) << status;
  EXPECT_FALSE(circuits.is_open("route"));
}

TEST_F(CircuitsTest, ARouteIsAskedForOnceASecondUntilItIsAnsweredAgain) {
  record(8, "route", 503);
  for (int second = 1; second <= 3; ++second) {
    now += 1s;
    EXPECT_TRUE(circuits.admit("route", now));
    EXPECT_FALSE(circuits.admit("route", now)) << "one probe a second";
    EXPECT_EQ(record(1, "route", 503), Change::none);
  }
  now += 1s;
  EXPECT_TRUE(circuits.admit("route", now));
  EXPECT_EQ(record(1, "route", 404), Change::route_closed);
  EXPECT_TRUE(circuits.admit("route", now));
  EXPECT_TRUE(circuits.admit("route", now));
}

TEST_F(CircuitsTest, ARouteThatWasWellTakesHalfOfItsLastTwenty) {
  record(100, "route", 200);
  EXPECT_EQ(record(9, "route", 503), Change::none);
  EXPECT_EQ(record(1, "route", 503), Change::route_opened);
}

TEST_F(CircuitsTest, FailuresWithoutAnAnswerSayNothingOfTheRoute) {
  for (int i = 0; i < 20; ++i) {
    record(7, "route", 0);
    record(1, "other", 200);
  }
  EXPECT_FALSE(circuits.is_open("route"));
}

TEST_F(CircuitsTest, NeitherSpendsAProbeOnWhatTheOtherRefuses) {
  record(8, "route", 503);
  now += 500ms;
  record(8, "other", 0);
  now += 600ms;  // the route's probe may go, the upstream's may not
  EXPECT_FALSE(circuits.admit("route", now));
  now += 400ms;
  EXPECT_TRUE(circuits.admit("route", now)) << "both may";
  now += 10s;
  EXPECT_TRUE(circuits.admit("other", now));  // the upstream's probe
  now += 900ms;
  EXPECT_FALSE(circuits.admit("route", now));
  now += 100ms;
  EXPECT_TRUE(circuits.admit("route", now));
}

/// Late answers open the route while the upstream is dead; what is sent now would say that it lives.
TEST_F(CircuitsTest, TheProbeOfADeadUpstreamIsNotSpentOnARouteThatIsRefused) {
  const SteadyTime before = now;
  now += 10ms;
  record(8, "other", 0);
  now += 500ms;
  for (int i = 0; i < 8; ++i) circuits.record("route", 503, before, now);
  ASSERT_THAT(circuits.open_routes(), ElementsAre("route"));
  now += 600ms;  // the upstream's probe may go, the route's may not
  EXPECT_FALSE(circuits.admit("route", now));
  EXPECT_TRUE(circuits.admit("other", now));
}

}  // namespace
}  // namespace roktcached::upstream
