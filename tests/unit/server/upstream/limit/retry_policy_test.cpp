#include "server/upstream/limit/retry_policy.h"

#include <gtest/gtest.h>

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

constexpr double almost_one = 0.999999;

/// A GET that found nobody, in its first attempt and with time to spare.
FailedAttempt not_connected() {
  FailedAttempt attempt;
  attempt.repeatable = is_repeatable("GET", false);
  attempt.failure = AttemptFailure::not_connected;
  attempt.time_left = 30s;
  return attempt;
}

RetryReason reason_for(const FailedAttempt& attempt) {
  return decide_retry(attempt, 0.5).reason;
}

TEST(RetryPolicyTest, TheBackoffDoublesUpToTwoSecondsUnderFullJitter) {
  for (unsigned retry = 0; retry < 100; ++retry) EXPECT_EQ(retry_backoff(retry, 0), 0ms);
  EXPECT_EQ(retry_backoff(1, 0.5), 50ms);
  EXPECT_EQ(retry_backoff(2, 0.5), 100ms);
  EXPECT_EQ(retry_backoff(5, 0.5), 800ms);
  EXPECT_EQ(retry_backoff(6, 0.5), 1000ms);
  EXPECT_EQ(retry_backoff(1000, almost_one), 1999ms);
}

TEST(RetryPolicyTest, OnlyMethodsThatAreSafeAreRepeated) {
  FailedAttempt attempt = not_connected();
  EXPECT_EQ(reason_for(attempt), RetryReason::worth_it);
  attempt.repeatable = is_repeatable("HEAD", false);
  EXPECT_EQ(reason_for(attempt), RetryReason::worth_it);
  for (const char* method : {"POST", "PUT", "DELETE", "get", "GETT", ""}) {
    attempt.repeatable = is_repeatable(method, false);
    EXPECT_EQ(reason_for(attempt), RetryReason::not_repeatable) << method;
  }
}

TEST(RetryPolicyTest, APostThatOnlyReadsIsRepeated) {
  FailedAttempt attempt = not_connected();
  attempt.repeatable = is_repeatable("POST", true);
  EXPECT_EQ(reason_for(attempt), RetryReason::worth_it);
}

TEST(RetryPolicyTest, OnlyWhatMayPassIsRetried) {
  FailedAttempt attempt = not_connected();
  attempt.failure = AttemptFailure::cut_off;
  EXPECT_EQ(reason_for(attempt), RetryReason::worth_it);
  for (const auto failure : {AttemptFailure::timed_out, AttemptFailure::invalid_answer}) {
    attempt.failure = failure;
    EXPECT_EQ(reason_for(attempt), RetryReason::final_failure);
  }
}

TEST(RetryPolicyTest, OfStatusesOnly429And502And503And504AreRetried) {
  FailedAttempt attempt = not_connected();
  attempt.failure = AttemptFailure::status;
  for (unsigned status = 100; status < 600; ++status) {
    attempt.status = status;
    const bool passing = status == 429 || status == 502 || status == 503 || status == 504;
    EXPECT_EQ(reason_for(attempt), passing ? RetryReason::worth_it : RetryReason::final_failure) << status;
  }
}

TEST(RetryPolicyTest, WhatAClientHasSeenIsNotSentAgain) {
  FailedAttempt attempt = not_connected();
  attempt.failure = AttemptFailure::cut_off;
  attempt.answer_begun = true;
  EXPECT_EQ(reason_for(attempt), RetryReason::answer_begun);
}

TEST(RetryPolicyTest, AttemptsAreBounded) {
  FailedAttempt attempt = not_connected();
  attempt.attempts = 2;
  EXPECT_EQ(reason_for(attempt), RetryReason::worth_it);
  attempt.attempts = 3;
  EXPECT_EQ(reason_for(attempt), RetryReason::attempts_used_up);
  attempt.attempts = 1;
  attempt.max_retries = 0;
  EXPECT_EQ(reason_for(attempt), RetryReason::attempts_used_up);
}

TEST(RetryPolicyTest, ARetryThatComesTooLateIsNone) {
  FailedAttempt attempt = not_connected();
  attempt.time_left = 51ms;
  EXPECT_EQ(decide_retry(attempt, 0.5).delay, 50ms);
  attempt.time_left = 50ms;
  EXPECT_EQ(reason_for(attempt), RetryReason::no_time_left);
  attempt.time_left = -1ms;
  EXPECT_FALSE(decide_retry(attempt, 0).retry());
}

TEST(RetryPolicyTest, ARetryAfterIsObeyedOrTheRetryDropped) {
  FailedAttempt attempt = not_connected();
  attempt.failure = AttemptFailure::status;
  attempt.status = 503;
  attempt.retry_after = 3s;
  EXPECT_EQ(decide_retry(attempt, 0.5).delay, 3s);
  attempt.retry_after = 10ms;
  EXPECT_EQ(decide_retry(attempt, 0.5).delay, 50ms) << "never sooner than the backoff";
  attempt.retry_after = 30s;
  EXPECT_EQ(reason_for(attempt), RetryReason::no_time_left);
}

TEST(RetryBudgetTest, ThreeRetriesAreThereFromTheStart) {
  RetryBudget budget;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  EXPECT_EQ(budget.refused(), 1U);
}

TEST(RetryBudgetTest, ARetryThatIsNotMadeCostsNothing) {
  RetryBudget budget;
  while (budget.spend()) continue;
  budget.refund();
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

TEST(RetryBudgetTest, TenFirstAttemptsEarnOneRetry) {
  RetryBudget budget;
  while (budget.spend()) continue;
  for (int i = 0; i < 9; ++i) budget.earn();
  EXPECT_FALSE(budget.spend());
  budget.earn();
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

TEST(RetryBudgetTest, UnderSteadyFailureRetriesStayUnderATenth) {
  RetryBudget budget;
  std::uint64_t retries = 0;
  for (int i = 0; i < 10'000; ++i) {
    budget.earn();
    while (budget.spend()) ++retries;
  }
  EXPECT_LE(retries, 1003U);
  EXPECT_GE(retries, 1000U) << "what is earned can be spent to the last tenth";
}

TEST(RetryBudgetTest, LittleIsSavedUp) {
  RetryBudget budget;
  for (int i = 0; i < 100'000; ++i) budget.earn();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

}  // namespace
}  // namespace roktcached::upstream
