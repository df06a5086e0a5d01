#include "server/upstream/limit/retry_policy.h"

#include <algorithm>

namespace roktcached::upstream {

using std::chrono::milliseconds;

namespace {

bool may_pass(const FailedAttempt& attempt) {
  switch (attempt.failure) {
    case AttemptFailure::not_connected:
    case AttemptFailure::cut_off:
      return true;
    case AttemptFailure::status:
      return attempt.status == 429 || attempt.status == 502 || attempt.status == 503 || attempt.status == 504;
    case AttemptFailure::timed_out:
    case AttemptFailure::invalid_answer:
      return false;
  }
  return false;
}

}  // namespace

bool is_repeatable(std::string_view method, bool only_reads) {
  return only_reads || method == "GET" || method == "HEAD";
}

milliseconds retry_backoff(unsigned retry, double random) {
  constexpr milliseconds base{100};
  constexpr milliseconds longest{2000};
  const unsigned doublings = std::min(std::max(retry, 1U) - 1, 10U);
  return std::chrono::duration_cast<milliseconds>(std::min(base * (1U << doublings), longest) * random);
}

RetryDecision decide_retry(const FailedAttempt& attempt, double random) {
  if (!attempt.repeatable) return {RetryReason::not_repeatable, {}};
  if (!may_pass(attempt)) return {RetryReason::final_failure, {}};
  if (attempt.answer_begun) return {RetryReason::answer_begun, {}};
  if (attempt.attempts > attempt.max_retries) return {RetryReason::attempts_used_up, {}};
  const milliseconds backoff = retry_backoff(attempt.attempts, random);
  const milliseconds delay = std::max(backoff, attempt.retry_after.value_or(milliseconds::zero()));
  if (delay >= attempt.time_left) return {RetryReason::no_time_left, {}};
  return {RetryReason::worth_it, delay};
}

void RetryBudget::earn() {
  tenths_ = std::min(tenths_ + 1, max_tenths);
}

bool RetryBudget::spend() {
  if (tenths_ < 10) {
    ++refused_;
    return false;
  }
  tenths_ -= 10;
  return true;
}

void RetryBudget::refund() {
  tenths_ = std::min(tenths_ + 10, max_tenths);
}

}  // namespace roktcached::upstream
