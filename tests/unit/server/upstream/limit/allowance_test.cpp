#include "server/upstream/limit/allowance.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <string>

#include "server/upstream/limit/admission.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

/// Grants when the test says so.
class FakeSharedBudget final : public SharedBudget {
 public:
  void start(std::function<void()> changed) override { changed_ = std::move(changed); }
  void change(double requests_per_second, double) override { ceiling = requests_per_second; }
  [[nodiscard]] bool together() const override { return is_together; }
  [[nodiscard]] Alone alone() const override { return when_alone; }
  [[nodiscard]] bool take(SteadyTime) override {
    if (grants == 0) return false;
    --grants;
    return true;
  }
  void give_back(SteadyTime) override { ++grants; }
  void spent_alone(SteadyTime) override { ++alone_spent; }
  void want(std::size_t waiting, bool can_wait) override {
    wanted = waiting;
    refreshes_alone = can_wait;
  }
  [[nodiscard]] std::chrono::nanoseconds until_available(SteadyTime) const override {
    return grants > 0 ? 0ns : std::chrono::nanoseconds(1s);
  }
  void on_success(SteadyTime) override { ++successes; }
  void on_limited(SteadyTime, std::optional<std::chrono::milliseconds>) override { ++limits; }
  [[nodiscard]] double rate() const override { return 77; }
  [[nodiscard]] double burst() const override { return 5; }
  [[nodiscard]] double available(SteadyTime) const override { return grants; }
  [[nodiscard]] bool paused(SteadyTime) const override { return false; }
  [[nodiscard]] std::uint64_t limited() const override { return static_cast<std::uint64_t>(limits); }
  [[nodiscard]] std::uint64_t cuts() const override { return 0; }

  void grant(int more) {
    grants += more;
    if (changed_) changed_();
  }
  void become(bool together) {
    is_together = together;
    if (changed_) changed_();
  }

  bool is_together = false;
  Alone when_alone{.rate = 10, .one_at_once = false, .from = SteadyTime::min()};
  double ceiling = 0;
  int grants = 0;
  int alone_spent = 0;
  int successes = 0;
  int limits = 0;
  std::size_t wanted = 0;
  bool refreshes_alone = false;

 private:
  std::function<void()> changed_;
};

class AllowanceTest : public testing::Test {
 protected:
  AllowanceTest() { shared.when_alone.from = clock.steady; }
  Allowance& allowance() {
    if (!made_) {
      made_.emplace(RateLimit::Options{.ceiling = 100, .burst = 20}, &shared);
      made_->start([this] { ++changes; });
    }
    return *made_;
  }
  /// How many may go in so long, looked at each millisecond.
  int taken_in(std::chrono::milliseconds length) {
    int taken = 0;
    for (auto past = 0ms; past < length; past += 1ms, clock.advance(1ms)) {
      while (allowance().take(clock.steady)) ++taken;
    }
    return taken;
  }

  FakeClock clock;
  FakeSharedBudget shared;
  int changes = 0;

 private:
  std::optional<Allowance> made_;
};

TEST_F(AllowanceTest, TogetherTheFleetAloneSaysWhoMayGo) {
  shared.is_together = true;
  EXPECT_FALSE(allowance().take(clock.steady));
  EXPECT_EQ(taken_in(2s), 0) << "time alone brings nothing";
  shared.grant(3);
  EXPECT_EQ(taken_in(1s), 3);
  EXPECT_EQ(allowance().rate(), 77);
  EXPECT_EQ(shared.ceiling, 100);
}

TEST_F(AllowanceTest, AloneItBeginsWithLessThanATokenAndHasNoBurst) {
  EXPECT_FALSE(allowance().take(clock.steady)) << "what was the fleet's is not this instance's";
  const int taken = taken_in(1s);  // one each 100 ms, the first at any time of the first of them
  EXPECT_TRUE(taken == 9 || taken == 10) << taken;
  EXPECT_EQ(shared.alone_spent, taken) << "it counts against what all may send";
  clock.advance(1h);
  EXPECT_EQ(taken_in(50ms), 1) << "after a long rest, too";
}

TEST_F(AllowanceTest, AloneNothingGoesBeforeWhatTheFleetHasGrantedIsSpent) {
  shared.when_alone.from = clock.steady + 400ms;
  EXPECT_GE(allowance().until_available(clock.steady), 400ms);
  EXPECT_LE(allowance().until_available(clock.steady), 500ms);
  EXPECT_EQ(allowance().available(clock.steady), 0);
  EXPECT_EQ(taken_in(399ms), 0);
  EXPECT_GE(taken_in(102ms), 1);
}

TEST_F(AllowanceTest, ThoseWhoAreAloneTogetherBeginAtDifferentTimes) {
  std::set<std::chrono::nanoseconds> times;
  for (int i = 0; i < 20; ++i) {
    Allowance one({.ceiling = 10, .burst = 5}, &shared);
    times.insert(one.until_available(clock.steady));
  }
  EXPECT_GT(times.size(), 15U);
}

TEST_F(AllowanceTest, AGrantFromBeforeIsStillGood) {
  shared.is_together = true;
  EXPECT_FALSE(allowance().take(clock.steady));
  shared.when_alone.from = clock.steady + 400ms;
  shared.grants = 2;
  shared.become(true);
  shared.become(false);
  EXPECT_EQ(taken_in(400ms), 2);
}

TEST_F(AllowanceTest, WhereTheFleetsBucketHadOneForEachTheBucketIsNotEmpty) {
  shared.when_alone.one_at_once = true;
  EXPECT_TRUE(allowance().take(clock.steady));
  EXPECT_FALSE(allowance().take(clock.steady));
}

/// However often the engine comes and goes: each time alone begins with nothing.
TEST_F(AllowanceTest, ComingAndGoingGainsNothing) {
  EXPECT_FALSE(allowance().take(clock.steady));
  int taken = 0;
  for (int round = 0; round < 100; ++round) {
    shared.become(true);
    taken += taken_in(10ms);
    shared.when_alone.from = clock.steady;
    shared.become(false);
    taken += taken_in(40ms);
  }
  EXPECT_LE(taken, 50) << "5 s at 10 a second";
  EXPECT_EQ(changes, 200);
}

TEST_F(AllowanceTest, WhatIsLearnedGoesToWhoeverDecides) {
  shared.is_together = true;
  allowance().on_success(clock.steady, clock.steady);
  allowance().on_limited(clock.steady, clock.steady, std::nullopt);
  EXPECT_EQ(shared.successes, 1);
  EXPECT_EQ(shared.limits, 1);
  shared.become(true);
  shared.become(false);
  allowance().on_limited(clock.steady, clock.steady, 1s);
  EXPECT_EQ(shared.limits, 1);
  EXPECT_TRUE(allowance().paused(clock.steady));
  EXPECT_EQ(allowance().limited(), 2U);
}

class FleetAdmissionTest : public testing::Test {
 protected:
  using Asked = Pending<Admission::Admitted>;

  Asked admit(Turn& turn, const std::string& client, Priority priority = Priority::interactive) {
    turn.begin({client, priority}, clock.steady_now(), 20s);
    auto asked = begin(context, admission.admit(turn, "route"));
    run_what_can();
    return asked;
  }
  void run_what_can() {
    context.restart();
    context.poll();
  }
  void grant(int more) {
    shared.grant(more);
    run_what_can();
  }
  static bool together_first(FakeSharedBudget& shared) { return shared.is_together = true; }

  FakeClock clock;
  asio::io_context context{1};
  FakeSharedBudget shared;
  config::Budget budget{.requests_per_second = 100,
                        .burst = 20,
                        .max_concurrent = 100,
                        .max_queued = 100,
                        .max_queue_wait = {},
                        .shares = {}};
  bool begun_ = together_first(shared);
  Admission admission{context.get_executor(), budget, "emea", clock, &shared};
};

TEST_F(FleetAdmissionTest, GrantsGoByTheFairQueue) {
  std::deque<Turn> turns(5);
  const auto refresh = admit(turns[0], "a", Priority::refresh_ahead);
  EXPECT_TRUE(shared.refreshes_alone);
  const auto first_of_a = admit(turns[1], "a");
  const auto second_of_a = admit(turns[2], "a");
  const auto third_of_a = admit(turns[3], "a");
  const auto first_of_b = admit(turns[4], "b");
  EXPECT_EQ(shared.wanted, 5U);
  EXPECT_FALSE(shared.refreshes_alone);
  grant(1);
  EXPECT_TRUE(*first_of_a);
  grant(2);
  EXPECT_TRUE(*first_of_b) << "before the third of another client";
  EXPECT_NE(!!*second_of_a, !!*third_of_a);
  EXPECT_FALSE(*refresh);
  grant(1);
  EXPECT_TRUE(*third_of_a);
  EXPECT_FALSE(*refresh) << "it is for refreshes alone where nobody else waits";
  grant(1);
  EXPECT_TRUE(*refresh);
  for (const auto& asked : {first_of_a, second_of_a, third_of_a, first_of_b, refresh}) EXPECT_TRUE(**asked);
}

TEST_F(FleetAdmissionTest, AGrantOfOneWhoHasLeftIsTheNextOnes) {
  std::deque<Turn> turns(2);
  const auto first = admit(turns[0], "a");
  const auto second = admit(turns[1], "a");
  turns[0].abandon();
  run_what_can();
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->error().error.code, ErrorCode::client_gone);
  grant(1);
  EXPECT_TRUE(*second);
  EXPECT_EQ(shared.grants, 0);
}

TEST_F(FleetAdmissionTest, WhoWaitsForAGrantGoesOnAlone) {
  std::deque<Turn> turns(1);
  const auto asked = admit(turns[0], "a");
  EXPECT_FALSE(*asked);
  shared.when_alone = {.rate = 10, .one_at_once = true, .from = clock.steady};
  shared.become(true);
  shared.become(false);
  run_what_can();
  EXPECT_TRUE(*asked) << "the engine is gone, and with it what was waited for";
}

TEST(TurnRecallTest, ARequestThatIsNotUnderWayBeginsAnew) {
  Turn turn;
  int woken = 0;
  const Turn::Watch watch(&turn, [&] { ++woken; });
  turn.recall();
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(turn.recalled());
  EXPECT_TRUE(turn.unwanted());
  turn.resume();
  EXPECT_FALSE(turn.unwanted());
}

TEST(TurnRecallTest, OneThatIsUnderWayGoesOn) {
  Turn turn;
  {
    const Turn::UnderWay under_way(&turn);
    turn.recall();
    EXPECT_FALSE(turn.unwanted());
  }
  EXPECT_TRUE(turn.unwanted()) << "it is not sent again";
}

TEST(TurnRecallTest, OneThatIsAbandonedStaysSo) {
  Turn turn;
  turn.recall();
  turn.abandon();
  turn.resume();
  EXPECT_TRUE(turn.unwanted());
}

/// Its bucket has been set anew: what was taken before it and is given back would let a second one go.
TEST(AllowanceAloneTest, WhatIsGivenBackDuringAPauseIsLost) {
  Allowance limit({.ceiling = 10, .burst = 5}, nullptr);
  const SteadyTime start = FakeClock().steady_now();
  limit.on_limited(start, start, std::nullopt);
  SteadyTime now = start;
  while (limit.burst() < 2) {  // a burst comes back with what is accepted
    now += 10s;
    ASSERT_TRUE(limit.take(now));
    limit.on_success(now, now);
    ASSERT_LT(now, start + 24h);
  }
  now += 10s;
  ASSERT_TRUE(limit.take(now));
  limit.on_limited(start - 1s, now, 7s);  // of one that was sent before the limit was cut
  limit.give_back(now + 1s);
  EXPECT_TRUE(limit.take(now + 7s));
  EXPECT_FALSE(limit.take(now + 7s));
}

}  // namespace
}  // namespace roktcached::upstream
