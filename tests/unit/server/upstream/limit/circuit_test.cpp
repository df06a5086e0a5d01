#include "server/upstream/limit/circuit.h"

#include <gtest/gtest.h>

#include <random>

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
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

TEST_F(CircuitTest, ALateSuccessFromBeforeItOpenedDoesNotCloseIt) {
  const SteadyTime before = now;
  now += 5s;
  open();
  circuit.record(true, before, now + 100ms);
  EXPECT_EQ(circuit.state(), State::open);
}

}  // namespace
}  // namespace roktcached::upstream
