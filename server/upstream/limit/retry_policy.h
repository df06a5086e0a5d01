#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace roktcached::upstream {

/// How long to wait before a retry: full jitter under 100 ms, 200 ms, 400 ms … 2 s.
/// @param retry  1 for the first
/// @param random  in [0, 1)
[[nodiscard]] std::chrono::milliseconds retry_backoff(unsigned retry, double random);

/// Whether a request may be sent twice: GET and HEAD (RFC 9110, section 9.2.2), and what is known to read
/// alone. Others may change something, or nobody knows that they do not.
[[nodiscard]] bool is_repeatable(std::string_view method, bool only_reads);

/// How an attempt ended that may be worth another.
enum class AttemptFailure {
  not_connected,   ///< no connection came about: the upstream has not seen the request
  cut_off,         ///< reset or closed before the answer was complete
  status,          ///< a complete answer, whose status it is for decide_retry to judge
  timed_out,       ///< an upstream that is too slow gets no faster by being asked twice
  invalid_answer,  ///< what cannot be read will be no better the second time
};

/// An attempt that has failed, with all that decides whether there is another one.
struct FailedAttempt {
  bool repeatable = false;  ///< is_repeatable
  AttemptFailure failure = AttemptFailure::not_connected;
  unsigned status = 0;                    ///< of the answer, where `failure` is status
  bool answer_begun = false;              ///< a part of the answer has been passed on to a client
  unsigned attempts = 1;                  ///< made so far, this one included
  unsigned max_retries = 2;               ///< beyond the first attempt
  std::chrono::milliseconds time_left{};  ///< until the request's deadline
  std::optional<std::chrono::milliseconds> retry_after;  ///< of the answer
};

enum class RetryReason {
  worth_it,
  not_repeatable,    ///< the method may change something (RFC 9110, section 9.2.2), or is unknown to be safe
  final_failure,     ///< another attempt would end the same way
  answer_begun,      ///< a client has seen a part of the answer
  attempts_used_up,  ///< max_retries
  no_time_left,      ///< the deadline comes before the retry
};

struct RetryDecision {
  RetryReason reason = RetryReason::worth_it;
  std::chrono::milliseconds delay{};  ///< before the retry, if there is one

  [[nodiscard]] bool retry() const { return reason == RetryReason::worth_it; }
};

/// Whether a failed attempt may be followed by another, and after what delay: no earlier than the answer's
/// Retry-After. What is repeatable is repeated, after a failure to connect, a cut-off answer, or a
/// 429, 502, 503 or 504. The RetryBudget has still to agree.
/// @param random  in [0, 1)
[[nodiscard]] RetryDecision decide_retry(const FailedAttempt& attempt, double random);

/// Keeps retries under a tenth of first attempts, so that an upstream in trouble is not drowned by those who
/// try again. A little is there from the start, and a little more is saved.
/// Belongs to the upstream thread; not thread-safe.
class RetryBudget {
 public:
  /// A first attempt is made.
  void earn();
  /// Takes what one retry costs, if it is there.
  [[nodiscard]] bool spend();
  /// The retry that it was spent on is not made.
  void refund();

  /// Retries refused so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  static constexpr unsigned initial_tenths = 30;
  static constexpr unsigned max_tenths = 100;

  unsigned tenths_ = initial_tenths;  // of a retry; whole numbers, since tenths do not add up in binary
  std::uint64_t refused_ = 0;
};

}  // namespace roktcached::upstream
