#include "server/upstream/limit/admission.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

class AdmissionTest : public testing::Test {
 protected:
  using Asked = Pending<Admission::Admitted>;

  Asked admit(Turn& turn, Priority priority = Priority::interactive) {
    turn.begin({"client", priority}, clock.steady_now(), patience);
    auto asked = begin(context, admission().admit(turn, "route"));
    run_what_can();
    return asked;
  }
  void run_what_can() {
    context.restart();
    context.poll();
  }
  /// Made with the first use, so that a test can set the budget.
  Admission& admission() {
    if (!made_) made_.emplace(context.get_executor(), budget, "emea", clock);
    return *made_;
  }
  static void expect_gone(const Asked& asked) {
    ASSERT_TRUE(*asked);
    ASSERT_FALSE(**asked);
    EXPECT_EQ((*asked)->error().error.code, ErrorCode::client_gone);
  }

  FakeClock clock;
  asio::io_context context{1};
  std::chrono::milliseconds patience = 20s;
  config::Budget budget{.requests_per_second = 0,
                        .burst = 1,
                        .max_concurrent = 1,
                        .max_queued = 100,
                        .max_queue_wait = {},
                        .shares = {}};

 private:
  std::optional<Admission> made_;
};

TEST_F(AdmissionTest, AsManyAreUnderWayAsMayBeAndNoneMore) {
  for (const std::uint64_t most : {1U, 2U, 5U}) {
    budget.max_concurrent = most;
    Admission bounded(context.get_executor(), budget, "emea", clock);
    std::deque<Turn> turns(most + 1);
    std::vector<Admission::Permit> permits;
    for (std::uint64_t i = 0; i < most; ++i) {
      auto permit = bounded.admit_now(turns[i], clock.steady_now());
      ASSERT_TRUE(permit) << i;
      permits.push_back(std::move(*permit));
    }
    EXPECT_FALSE(bounded.admit_now(turns[most], clock.steady_now())) << "beyond " << most;
    EXPECT_EQ(bounded.status().in_flight, most);
    permits.pop_back();
    EXPECT_TRUE(bounded.admit_now(turns[most], clock.steady_now())) << "one has ended";
  }
}

TEST_F(AdmissionTest, OfThoseWhoWaitAsManyAreServedAsEnd) {
  budget.max_concurrent = 2;
  std::deque<Turn> turns(5);
  auto first = admission().admit_now(turns[0], clock.steady_now());
  auto second = admission().admit_now(turns[1], clock.steady_now());
  std::vector<Asked> waiting;
  for (std::size_t i = 2; i < turns.size(); ++i) waiting.push_back(admit(turns[i]));
  const auto served = [&] { return std::ranges::count_if(waiting, [](const Asked& one) { return !!*one; }); };
  EXPECT_EQ(served(), 0);
  first.reset();
  run_what_can();
  EXPECT_EQ(served(), 1);
  EXPECT_EQ(admission().status().in_flight, 2U);
  EXPECT_EQ(admission().status().queued, 2U);
  second.reset();
  run_what_can();
  EXPECT_EQ(served(), 2);
  EXPECT_EQ(admission().status().in_flight, 2U);
  waiting[0]->reset();
  waiting[1]->reset();
  run_what_can();
  EXPECT_EQ(served(), 1) << "the last one";
  EXPECT_EQ(admission().status().in_flight, 1U);
}

TEST_F(AdmissionTest, WhoComesLaterDoesNotOvertakeWhoWaits) {
  budget.requests_per_second = 1;
  budget.max_concurrent = 8;
  Turn first, second, third;
  const auto permit = admission().admit_now(first, clock.steady_now());
  const auto waiting = admit(second);
  EXPECT_FALSE(*waiting);
  clock.advance(1s);
  EXPECT_FALSE(admission().admit_now(third, clock.steady_now())) << "the turn is another's";
  second.abandon();
  run_what_can();
  expect_gone(waiting);
  EXPECT_TRUE(admission().admit_now(third, clock.steady_now()));
}

TEST_F(AdmissionTest, WhatIsGivenUpForOneRouteLeavesTheOthersWaiting) {
  Turn first, second, third;
  auto permit = admission().admit_now(first, clock.steady_now());
  const auto of_route = admit(second);
  third.begin({"client", Priority::interactive}, clock.steady_now(), patience);
  const auto of_another = begin(context, admission().admit(third, "another"));
  run_what_can();
  const UpstreamFailure failure{{ErrorCode::upstream_unreachable, true, "open", ErrorSource::upstream}, 1s};
  admission().give_up(failure, "route");
  run_what_can();
  ASSERT_TRUE(*of_route);
  ASSERT_FALSE(**of_route);
  EXPECT_EQ((*of_route)->error().error.code, ErrorCode::upstream_unreachable);
  EXPECT_FALSE(*of_another);
  admission().give_up(failure);
  run_what_can();
  ASSERT_TRUE(*of_another);
  EXPECT_FALSE(**of_another);
  EXPECT_EQ(admission().status().queued, 0U);
  EXPECT_EQ(admission().status().refused, 2U);
}

TEST_F(AdmissionTest, AFullQueueTurnsTheNextAway) {
  budget.max_queued = 1;
  Turn first, second, third;
  const auto permit = admission().admit_now(first, clock.steady_now());
  const auto waiting = admit(second);
  const auto refused = admit(third);
  ASSERT_TRUE(*refused);
  ASSERT_FALSE(**refused);
  EXPECT_EQ((*refused)->error().error.code, ErrorCode::upstream_budget_exhausted);
  EXPECT_GE((*refused)->error().retry_after, 1ms);
  EXPECT_FALSE(*waiting);
  EXPECT_EQ(admission().status().refused, 1U);
  second.abandon();
  run_what_can();
}

TEST_F(AdmissionTest, IsIdleWhileHalfOfWhatMayGoIsFree) {
  budget.max_concurrent = 4;
  budget.requests_per_second = 1;
  budget.burst = 4;
  Turn first, second, third;
  EXPECT_TRUE(admission().idle());
  auto one = admission().admit_now(first, clock.steady_now());
  EXPECT_TRUE(admission().idle());
  auto two = admission().admit_now(second, clock.steady_now());
  EXPECT_FALSE(admission().idle()) << "half are under way";
  two.reset();
  EXPECT_TRUE(admission().idle());
  two = admission().admit_now(third, clock.steady_now());
  two.reset();
  EXPECT_FALSE(admission().idle()) << "less than half of the burst is left";
  one.reset();
  clock.advance(1s);
  EXPECT_TRUE(admission().idle());
}

TEST_F(AdmissionTest, WithOnePlaceIsIdleWhileItIsFree) {
  Turn only;
  EXPECT_TRUE(admission().idle());
  auto permit = admission().admit_now(only, clock.steady_now());
  ASSERT_TRUE(permit);
  EXPECT_FALSE(admission().idle());
  permit.reset();
  EXPECT_TRUE(admission().idle());
}

TEST_F(AdmissionTest, A429PausesEverybody) {
  budget.max_concurrent = 8;
  budget.burst = 8;
  budget.requests_per_second = 100;
  Turn first, second;
  { const auto permit = admission().admit_now(first, clock.steady_now()); }
  admission().on_answer(429, clock.steady_now(), clock.steady_now(), 10s);
  EXPECT_FALSE(admission().admit_now(second, clock.steady_now()));
  EXPECT_EQ(admission().status().limited, 1U);
  clock.advance(10s);
  EXPECT_TRUE(admission().admit_now(second, clock.steady_now()));
}

TEST_F(AdmissionTest, WhoIsNotWaitedForLeavesTheQueue) {
  Turn first, abandoned, unattended, last;
  auto permit = admission().admit_now(first, clock.steady_now());
  ASSERT_TRUE(permit);
  const auto second = admit(abandoned);
  const auto third = admit(unattended);
  const auto fourth = admit(last);
  EXPECT_EQ(admission().status().queued, 3U);
  abandoned.abandon();
  unattended.set_unattended(true);
  run_what_can();
  expect_gone(second);
  expect_gone(third);
  EXPECT_EQ(admission().status().queued, 1U);
  EXPECT_EQ(admission().status().refused, 0U);
  permit.reset();
  run_what_can();
  ASSERT_TRUE(*fourth);
  EXPECT_TRUE(**fourth);
}

TEST_F(AdmissionTest, WhoIsJoinedBeforeItHasLeftKeepsItsPlace) {
  Turn first, second;
  auto permit = admission().admit_now(first, clock.steady_now());
  const auto waiting = admit(second);
  second.set_unattended(true);
  second.join({"another"}, clock.steady_now());
  run_what_can();
  EXPECT_FALSE(*waiting);
  permit.reset();
  run_what_can();
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE(**waiting);
}

TEST_F(AdmissionTest, ATurnOfWhoHasJustLeftGoesToTheNext) {
  Turn first, second, third;
  auto permit = admission().admit_now(first, clock.steady_now());
  const auto leaves = admit(second);
  const auto stays = admit(third);
  permit.reset();
  second.abandon();
  run_what_can();
  expect_gone(leaves);
  ASSERT_TRUE(*stays);
  EXPECT_TRUE(**stays);
  EXPECT_EQ(admission().status().in_flight, 1U);
}

TEST_F(AdmissionTest, WhatWasNotSentCostsNothingOfTheRate) {
  budget.requests_per_second = 1;
  budget.max_concurrent = 8;
  Turn first, second;
  {
    auto permit = admission().admit_now(first, clock.steady_now());
    ASSERT_TRUE(permit);
    EXPECT_FALSE(admission().admit_now(second, clock.steady_now()));
    permit->cancel(false);
  }
  auto permit = admission().admit_now(second, clock.steady_now());
  ASSERT_TRUE(permit);
  permit->cancel(true);
  EXPECT_FALSE(admission().admit_now(second, clock.steady_now())) << "that one was sent";
  EXPECT_EQ(admission().status().in_flight, 0U);
}

TEST_F(AdmissionTest, TheOldestThatIsUnattendedMakesRoomForAClient) {
  budget.max_concurrent = 2;
  Turn first, second, refresh, client;
  auto oldest = admission().admit_now(first, clock.steady_now());
  const auto younger = admission().admit_now(second, clock.steady_now());
  first.set_unattended(true);
  second.set_unattended(true);
  const auto behind = admit(refresh, Priority::revalidation);
  EXPECT_FALSE(first.abandoned()) << "no client waits for a refresh";
  const auto served = admit(client);
  EXPECT_TRUE(first.abandoned());
  EXPECT_FALSE(second.abandoned()) << "it was in nobody's way";
  oldest->cancel(true);
  run_what_can();
  ASSERT_TRUE(*served);
  EXPECT_TRUE(**served);
  EXPECT_FALSE(*behind);
  EXPECT_FALSE(second.abandoned());
  refresh.abandon();
  run_what_can();
}

TEST_F(AdmissionTest, NobodyMakesRoomWhileTheUpstreamWantsNoRequest) {
  patience = 1h;
  Turn first, client;
  auto permit = admission().admit_now(first, clock.steady_now());
  first.set_unattended(true);
  admission().on_answer(429, clock.steady_now(), clock.steady_now(), 10s);
  const auto waiting = admit(client);
  EXPECT_FALSE(first.abandoned());
  clock.advance(10s);
  admission().make_room();
  EXPECT_TRUE(first.abandoned());
  permit.reset();
  run_what_can();
  EXPECT_TRUE(*waiting);
}

TEST_F(AdmissionTest, WhoBecomesUnattendedWhileAClientWaitsMakesRoom) {
  Turn first, client;
  auto permit = admission().admit_now(first, clock.steady_now());
  const auto waiting = admit(client);
  first.set_unattended(true);
  admission().make_room();
  EXPECT_TRUE(first.abandoned());
  permit->cancel(true);
  run_what_can();
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE(**waiting);
}

/// Each request takes longer than a client waits: one behind another that nobody waits for is served at once.
TEST_F(AdmissionTest, NobodyIsTurnedAwayForWhatMakesRoom) {
  Turn slow, first, client;
  auto permit = admission().admit_now(slow, clock.steady_now());
  clock.advance(60s);
  permit.reset();
  permit = admission().admit_now(first, clock.steady_now());
  const auto turned_away = admit(client);
  ASSERT_TRUE(*turned_away);
  EXPECT_EQ((*turned_away)->error().error.code, ErrorCode::upstream_budget_exhausted);
  EXPECT_TRUE((*turned_away)->error().retry_after);
  first.set_unattended(true);
  const auto served = admit(client);
  EXPECT_TRUE(first.abandoned());
  permit->cancel(true);
  run_what_can();
  ASSERT_TRUE(*served);
  EXPECT_TRUE(**served);
}

/// One that is leaving already is enough. Another one would lose its fetch for nothing.
TEST_F(AdmissionTest, NobodyMakesRoomWhereAPlaceIsAboutToComeBack) {
  budget.max_concurrent = 2;
  Turn first, second, client;
  const auto oldest = admission().admit_now(first, clock.steady_now());
  auto younger = admission().admit_now(second, clock.steady_now());
  first.set_unattended(true);
  second.abandon();  // its client has gone, and so will it in a moment
  const auto waiting = admit(client);
  EXPECT_FALSE(first.abandoned());
  younger->cancel(true);
  run_what_can();
  ASSERT_TRUE(*waiting);
  EXPECT_TRUE(**waiting);
}

}  // namespace
}  // namespace roktcached::upstream
