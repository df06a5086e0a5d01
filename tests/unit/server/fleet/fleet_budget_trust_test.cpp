#include "server/fleet/fleet_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <set>

#include "tests/unit/server/fleet/fleet_budget_fixture.h"

namespace roktcached::fleet {
namespace {

class FleetBudgetTrustTest : public FleetBudgetFixture {};

/// As an engine would that lies, or whose budget somebody has written.
TEST_F(FleetBudgetTrustTest, WhateverIsGrantedItSendsNoMoreThanAllTogetherMay) {
  engine.answer("budget", reply_of({.rate = "1e308", .free = "1e308"}));
  const auto sent_in = [&](milliseconds length) {
    int sent = 0;
    for (auto past = 0ms; past < length; past += 1ms, clock.advance(1ms)) {
      for (int i = 0; i < 4; ++i) {
        want(100);
        while (take()) ++sent;
      }
    }
    return sent;
  };
  const int first = sent_in(10s);
  EXPECT_LE(first, 12 + 100) << "the fleet's burst with two grants, and ten a second";
  EXPECT_GE(first, 12 + 98);
  // Alone for a while, as it often goes: what it sends then counts, too.
  for (int i = 0; i < 100; ++i, clock.advance(100ms)) budget.spent_alone(clock.steady);
  EXPECT_LE(sent_in(1s), 2 + 10);
  want(2);
  while (take()) {
  }
  want(2);
  EXPECT_GT(budget.until_available(clock.steady), 0ms);
  EXPECT_LE(budget.until_available(clock.steady), 106ms);
}

TEST_F(FleetBudgetTrustTest, WhatTheFleetHasLearnedMeanwhileCounts) {
  const auto sent_now = [&] {
    int sent = 0;
    for (int i = 0; i < 20; ++i) {
      want(2);
      while (take()) ++sent;
    }
    return sent;
  };
  engine.answer("budget", reply_of({.rate = "1"}));
  EXPECT_EQ(sent_now(), 12);
  clock.advance(1s);
  engine.answer("budget", reply_of({.rate = "9.5"}));
  EXPECT_EQ(sent_now(), 10) << "it may have grown at once";
  clock.advance(1s);
  engine.answer("budget", reply_of({.rate = "1"}));
  EXPECT_EQ(sent_now(), 10) << "or been cut just now";
  clock.advance(1s);
  EXPECT_EQ(sent_now(), 1);
}

/// The grants of a fleet as an engine makes them that does as it should: those of one bucket, at a rate that
/// is learned. They come late.
class HonestEngine {
 public:
  struct Grant {
    SteadyTime comes_at;
    SteadyTime due;
    double rate;
  };

  HonestEngine(unsigned seed, double ceiling, int burst, SteadyTime now)
      : random_(seed), ceiling_(ceiling), burst_(burst), rate_(ceiling), tat_(now - 1h) {}

  /// @return whether the rate was cut: what was promised is void, but for what is on its way
  bool learn(SteadyTime now) {
    const bool cut = random_() % 10 == 0;
    rate_ = std::min(ceiling_, rate_ * (cut ? 0.5 : 1.3));
    if (cut) tat_ = now + (burst_ + static_cast<int>(coming_.size())) * interval();
    return cut;
  }
  void grant(SteadyTime now) {
    const SteadyTime due = std::max(now, tat_ - (burst_ - 1) * interval());
    tat_ = std::max(tat_, due) + interval();
    // In their order, as a connection has it.
    const SteadyTime earliest = coming_.empty() ? now : coming_.back().comes_at;
    coming_.push_back({std::max(earliest, now + milliseconds(random_() % 60)), due, rate_});
  }
  /// The next one that has come.
  std::optional<Grant> next(SteadyTime now) {
    if (coming_.empty() || coming_.front().comes_at > now) return std::nullopt;
    const Grant first = coming_.front();
    coming_.pop_front();
    return first;
  }
  std::size_t any(std::size_t below) { return random_() % below; }

 private:
  [[nodiscard]] SteadyTime::duration interval() const {
    return std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(1 / rate_));
  }

  std::minstd_rand random_;
  const double ceiling_;
  const int burst_;
  double rate_;
  SteadyTime tat_;
  std::deque<Grant> coming_;
};

TEST_F(FleetBudgetTrustTest, AnEngineThatGrantsAsItShouldIsNeverHeldUp) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const int burst = seed % 2 == 0 ? 1 : 4;
    HonestEngine honest(seed, 20 * 0.95, burst, clock.steady);
    FleetBudget one(context.get_executor(), engine, crew, members, 0, "owner", clock);
    one.change(20, 2.0 * burst);
    std::multiset<SteadyTime> due;
    std::size_t seen = engine.count("budget");
    int taken = 0;
    for (int step = 0; step < 5'000; ++step, clock.advance(1ms)) {
      if (step % 100 == 0 && honest.learn(clock.steady)) {
        one.hold(0us);
        due.clear();
      }
      one.want(honest.any(3), false);
      run_what_can(context);
      for (; seen < engine.count("budget"); ++seen) honest.grant(clock.steady);
      while (const auto grant = honest.next(clock.steady)) {
        const auto wait = std::chrono::duration_cast<microseconds>(
            std::max(grant->due - clock.steady, SteadyTime::duration::zero()));
        due.insert(clock.steady + wait);
        engine.reply("budget", reply_of({.wait = wait, .rate = std::to_string(grant->rate)}));
        run_what_can(context);
      }
      for (; !due.empty() && *due.begin() <= clock.steady; due.erase(due.begin()), ++taken)
        EXPECT_TRUE(one.take(clock.steady)) << "seed " << seed << " step " << step;
    }
    EXPECT_GT(taken, 5);
    end_asking();
  }
}

}  // namespace
}  // namespace roktcached::fleet
