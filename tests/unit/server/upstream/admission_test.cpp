#include "server/upstream/admission.h"

#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/upstream/loopback.h"

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
  admission().on_answer(429, clock.steady_now(), 10s);
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

}  // namespace
}  // namespace roktcached::upstream
