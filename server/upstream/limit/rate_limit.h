#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/time.h"

namespace roktcached::upstream {

/// How many requests a second may go upstream: a token bucket under a configured ceiling, whose rate is
/// learned from the upstream's 429s, since the upstream's own limit is not published, may change, and is
/// shared with whoever else uses the credential.
///
/// Until the first 429 the rate is the ceiling. Each 429 cuts it, and what is accepted from then on lets it
/// grow again along a cubic curve: fast while it is well below where the limit was met, hardly at all there,
/// and ever faster beyond. How deep a cut goes adapts: twice as deep while 429s follow hard upon a cut (the
/// limit is far below), and a third as deep each time the curve was followed (the limit is about here). So
/// the search from the ceiling down takes a cut per round trip and ends within seconds. Once the limit is
/// found, a 429 is a price: the rate stays at the flat of the curve until enough requests have paid for it.
///
/// After a 429 the burst is one token: the upstream's bucket is full, and nobody knows how large it is. The
/// burst recovers token by token.
///
/// Belongs to the upstream thread; not thread-safe. No call fails.
class RateLimit {
 public:
  struct Options {
    double ceiling = 0;  ///< requests per second; 0: no limit at all, but a Retry-After is obeyed
    double burst = 1;    ///< requests that may go at once after idling, whole ones; 1 or more
    /// What more of a token is kept while nobody takes it, as a timer is late: else a burst of one would lose
    /// it, and the rate with it.
    double kept_late = 0;
  };

  explicit RateLimit(Options options);

  /// Goes on under other options: what was learned of the upstream's limit holds as far as they allow.
  void change(Options options, SteadyTime now);

  /// Begins with so much of a token, and fills from `from` on.
  void begin_with(double tokens, SteadyTime from) {
    tokens_ = tokens;
    refilled_at_ = from;
  }

  /// Takes a token for one request, if there is one and no pause is obeyed.
  [[nodiscard]] bool take(SteadyTime now);
  /// Gives back a token that take() gave: the request was not sent.
  void give_back(SteadyTime now);
  /// How long until take() succeeds, if nobody else takes a token before; zero: it would now.
  [[nodiscard]] std::chrono::nanoseconds until_available(SteadyTime now) const;

  /// A request sent at `sent_at` was answered, by anything but a 429.
  void on_success(SteadyTime sent_at, SteadyTime now);
  /// It was answered 429 (RFC 6585, section 4). One that was sent before the last cut belongs to the same
  /// event and cuts no further, but its Retry-After counts.
  /// @param retry_after  RFC 9110, section 10.2.3; obeyed up to five minutes
  void on_limited(SteadyTime sent_at, SteadyTime now, std::optional<std::chrono::milliseconds> retry_after);

  /// Tokens that can be taken at once, with a fraction of the next one; 0 during a pause.
  [[nodiscard]] double available(SteadyTime now) const;
  /// Requests per second as learned, up to the ceiling; 0: no limit at all.
  [[nodiscard]] double rate() const { return rate_; }
  /// The burst as learned, up to the configured one.
  [[nodiscard]] double burst() const;
  /// Whether a Retry-After is being obeyed.
  [[nodiscard]] bool paused(SteadyTime now) const { return now < paused_until_; }
  /// 429s so far.
  [[nodiscard]] std::uint64_t limited() const { return limited_; }
  /// Times that the rate was cut.
  [[nodiscard]] std::uint64_t cuts() const { return cuts_; }

 private:
  [[nodiscard]] bool unlimited() const { return options_.ceiling <= 0; }
  [[nodiscard]] double tokens_at(SteadyTime now) const;
  void refill(SteadyTime now);
  void pause(std::chrono::milliseconds retry_after, SteadyTime now);
  void grow();
  void cut(SteadyTime sent_at);
  void adapt_depth();
  [[nodiscard]] bool burst_is_to_blame(SteadyTime sent_at) const;
  [[nodiscard]] std::optional<double> throughput_until(SteadyTime sent_at) const;

  Options options_;

  // The bucket.
  double rate_;
  double burst_;  // with the part of a token that has recovered
  double tokens_;
  double spilled_ = 0;  // tokens that found the bucket full since the last one was taken
  SteadyTime refilled_at_;
  SteadyTime paused_until_ = SteadyTime::min();

  // The curve: rate = target + span * (progress / length - 1)^3. Progress and debt count requests.
  bool learned_ = false;  // a 429 has cut the rate
  double depth_;          // of the last cut, as a share of the rate; the length follows from it
  double target_ = 0;     // where the curve is flat, requests per second
  double span_ = 0;       // how far below that it began, requests per second
  double progress_ = 0;   // along the curve since the last cut
  double debt_ = 0;       // still to be accepted before the rate may exceed the target

  // Observations.
  bool saturated_ = false;              // the last token taken had not lain idle: requests waited for tokens
  std::optional<SteadyTime> burst_at_;  // when a token was last taken that was not the only one
  SteadyTime cut_at_ = SteadyTime::min();
  std::optional<SteadyTime> limited_sent_at_;  // when the last request that got a 429 was sent
  double accepted_ = 0;                        // requests sent since then and accepted
  std::uint64_t limited_ = 0;
  std::uint64_t cuts_ = 0;
};

}  // namespace roktcached::upstream
