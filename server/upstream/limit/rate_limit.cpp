#include "server/upstream/limit/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace roktcached::upstream {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::chrono::minutes longest_pause{5};
constexpr double lowest_rate = 1.0 / 60;  // requests per second; low enough, and a lifted limit is noticed
constexpr double token_error = 1e-6;      // what adding up fractions of tokens may lose
constexpr double late_timer = 0.1;        // tokens that come while a timer is late: not yet a burst

constexpr double deepest_cut = 0.5;
constexpr double shallowest_cut = 0.03;
constexpr double settled_cut = 2 * shallowest_cut;  // up to this depth the limit counts as found

// Accepted requests that a 429 costs once the limit is found: about half a percent are limited then.
constexpr double price_of_429 = 220;
constexpr double largest_debt = 1.5 * price_of_429;

/// Accepted requests until the curve is flat, after a cut of `depth`. The finer the step, the longer it is
/// tried: an excess of one percent takes a hundred requests to show.
double curve_length(double depth) {
  return 2.5 / depth;
}

RateLimit::Options within_range(RateLimit::Options options) {
  return {std::max(options.ceiling, 0.0), std::max(options.burst, 1.0), options.kept_late};
}

}  // namespace

RateLimit::RateLimit(Options options)
    : options_(within_range(options)),
      rate_(options_.ceiling),
      burst_(options_.burst),
      tokens_(std::floor(options_.burst)),
      depth_(deepest_cut) {}

/// A learned rate grows to a higher ceiling by itself; one that was never cut begins there, with a full
/// bucket only where it was full.
void RateLimit::change(Options options, SteadyTime now) {
  options = within_range(options);
  refill(now);
  const bool counted = !unlimited();
  const bool was_full = tokens_ >= std::floor(options_.burst) - token_error;
  const bool whole_burst = burst_ >= options_.burst;
  options_ = options;
  burst_ = !counted || whole_burst ? options_.burst : std::min(burst_, options_.burst);
  tokens_ = !counted || was_full ? burst() : std::min(tokens_, burst());
  if (paused(now)) tokens_ = std::min(tokens_, 1.0);  // as pause() promises
  rate_ = counted && learned_ ? std::min(rate_, options_.ceiling) : options_.ceiling;
}

bool RateLimit::take(SteadyTime now) {
  if (paused(now)) return false;
  if (unlimited()) return true;
  refill(now);
  if (tokens_ < 1 - token_error) return false;
  if (tokens_ > 1 + late_timer) burst_at_ = now;
  saturated_ = spilled_ < 0.5;  // half an interval is more than a timer is late
  spilled_ = 0;
  tokens_ = std::max(tokens_ - 1, 0.0);
  return true;
}

/// A pause has set the bucket anew: what was taken before it counts no more.
void RateLimit::give_back(SteadyTime now) {
  if (unlimited() || paused(now)) return;
  refill(now);
  tokens_ = std::min(tokens_ + 1, burst());
}

std::chrono::nanoseconds RateLimit::until_available(SteadyTime now) const {
  const SteadyTime from = std::max(now, paused_until_);
  const double missing = unlimited() ? 0 : 1 - tokens_at(from);
  if (missing <= token_error) return from - now;
  return from - now + std::chrono::ceil<std::chrono::nanoseconds>(Seconds(missing / rate_));
}

void RateLimit::on_success(SteadyTime sent_at, SteadyTime now) {
  if (unlimited() || !limited_sent_at_) return;
  refill(now);
  if (sent_at > *limited_sent_at_) ++accepted_;
  if (sent_at >= cut_at_) grow();
}

void RateLimit::on_limited(SteadyTime sent_at, SteadyTime now,
                           std::optional<std::chrono::milliseconds> retry_after) {
  ++limited_;
  if (!unlimited()) {
    refill(now);
    if (sent_at >= cut_at_) {
      if (!burst_is_to_blame(sent_at)) cut(sent_at);
      cut_at_ = now;
      burst_ = 1;
      tokens_ = 0;
    }
    limited_sent_at_ = std::max(limited_sent_at_.value_or(sent_at), sent_at);
    accepted_ = 0;
  }
  if (retry_after) pause(*retry_after, now);
}

double RateLimit::available(SteadyTime now) const {
  if (paused(now)) return 0;
  return unlimited() ? options_.burst : tokens_at(now);
}

/// Whole tokens: a bucket of one and a half would send the second request half an interval after the first,
/// and an upstream's bucket of one has no room for it.
double RateLimit::burst() const {
  return std::floor(burst_);
}

double RateLimit::tokens_at(SteadyTime now) const {
  if (now <= refilled_at_) return tokens_;
  return std::min(tokens_ + Seconds(now - refilled_at_).count() * rate_, burst() + options_.kept_late);
}

void RateLimit::refill(SteadyTime now) {
  if (now <= refilled_at_) return;
  const double tokens = tokens_ + Seconds(now - refilled_at_).count() * rate_;
  const double most = burst() + options_.kept_late;
  spilled_ += std::max(tokens - most, 0.0);
  tokens_ = std::min(tokens, most);
  refilled_at_ = now;
}

/// The bucket stands still until the pause ends, and holds one token then: that is when the upstream said
/// that it may be asked again.
void RateLimit::pause(std::chrono::milliseconds retry_after, SteadyTime now) {
  const auto length = std::min<std::chrono::milliseconds>(retry_after, longest_pause);
  if (length.count() <= 0 || now + length <= paused_until_) return;
  paused_until_ = now + length;
  refilled_at_ = paused_until_;
  tokens_ = 1;
}

/// Moves along the curve by one accepted request, or by less at a high rate, where answers under way would
/// let it overshoot. Time counts as well: at a low rate, requests alone would take too long to notice that
/// the limit has gone. A rate that is not used up proves nothing and does not grow. The burst does grow then,
/// since it is wanted after idling.
void RateLimit::grow() {
  constexpr double fastest_per_second = 25;
  constexpr double waiting_per_second = 1.0 / 3;
  constexpr double price_of_burst_token = 200;
  const double credit = std::min(1.0, fastest_per_second / rate_) + waiting_per_second / rate_;
  burst_ = std::min(burst_ + credit / price_of_burst_token, options_.burst);
  if (!saturated_ || !learned_) return;
  progress_ += credit;
  debt_ = std::max(debt_ - credit, 0.0);
  const double length = curve_length(depth_);
  if (debt_ > 0) progress_ = std::min(progress_, length);
  const double x = progress_ / length - 1;
  rate_ = std::clamp(target_ + span_ * x * x * x, rate_, options_.ceiling);
}

void RateLimit::cut(SteadyTime sent_at) {
  if (learned_) adapt_depth();
  target_ = rate_ * (1 - depth_ / 2);
  // The measured rate goes first, within what the adapted depth leaves open.
  if (const auto throughput = throughput_until(sent_at)) {
    target_ = std::clamp(*throughput, rate_ * (1 - 1.15 * depth_), target_);
  }
  span_ = target_ * depth_;
  rate_ = std::min(std::max(target_ - span_, lowest_rate), options_.ceiling);
  progress_ = 0;
  debt_ = depth_ <= settled_cut ? std::min(debt_ + price_of_429, largest_debt) : 0;
  learned_ = true;
  ++cuts_;
}

void RateLimit::adapt_depth() {
  const double length = curve_length(depth_);
  if (accepted_ < length / 4) {
    depth_ = std::min(depth_ * 2, deepest_cut);
  } else if (progress_ >= length / 2) {
    depth_ = std::max(depth_ / 3, shallowest_cut);
  }
}

/// A 429 while the tokens of a burst are not yet regained speaks of the upstream's bucket, not of its rate.
bool RateLimit::burst_is_to_blame(SteadyTime sent_at) const {
  return burst_at_ && burst() > 1 && sent_at - *burst_at_ < Seconds(burst() / rate_);
}

/// The requests that the upstream accepted per second since the 429 before, if that is enough to tell. Its
/// bucket was full then and is full now, whatever its size: so this is the upstream's rate, give or take one
/// request, or less where the bucket ran empty in between.
std::optional<double> RateLimit::throughput_until(SteadyTime sent_at) const {
  constexpr double enough = 20;
  if (!limited_sent_at_ || accepted_ < enough || sent_at <= *limited_sent_at_) return std::nullopt;
  return accepted_ / Seconds(sent_at - *limited_sent_at_).count();
}

}  // namespace roktcached::upstream
