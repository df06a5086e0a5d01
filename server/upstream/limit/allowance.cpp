#include "server/upstream/limit/allowance.h"

#include <algorithm>
#include <random>
#include <utility>

namespace roktcached::upstream {

Allowance::Allowance(RateLimit::Options options, SharedBudget* shared) : shared_(shared), own_(options) {
  if (shared_ == nullptr) return;
  shared_->change(options.ceiling, options.burst);
  go_alone();
}

void Allowance::start(std::function<void()> changed) {
  if (shared_ == nullptr) return;
  changed_ = std::move(changed);
  shared_->start([this] {
    const bool together = shared_->together();
    if (std::exchange(was_together_, together) && !together) go_alone();
    changed_();
  });
}

void Allowance::change(RateLimit::Options options, SteadyTime now) {
  if (shared_ == nullptr) return own_.change(options, now);
  shared_->change(options.ceiling, options.burst);
  if (!shared_->together()) go_alone();
}

/// What was learned in an earlier time alone is forgotten: the fleet has learned more since.
void Allowance::go_alone() {
  const SharedBudget::Alone alone = shared_->alone();
  constexpr double late_timer = 0.1;  // of the time between two requests
  own_ = RateLimit({.ceiling = alone.rate, .burst = 1, .kept_late = late_timer});
  from_ = alone.from;
  // Instances that become alone at the same time should not all send at once. So each begins with a random
  // part of a token, and none waits for a whole one.
  std::uniform_real_distribution<double> part(0, 1);
  own_.begin_with(alone.one_at_once ? 1 : part(random_), from_);
}

bool Allowance::take(SteadyTime now) {
  if (is_shared()) return shared_->take(now);
  // Grants from before stay valid.
  if (shared_ != nullptr && now < from_) return shared_->take(now);
  if (!own_.take(now)) return false;
  if (shared_ != nullptr) shared_->spent_alone(now);
  return true;
}

void Allowance::give_back(SteadyTime now) {
  is_shared() ? shared_->give_back(now) : own_.give_back(now);
}

void Allowance::want(std::size_t waiting, bool can_wait) {
  if (is_shared()) shared_->want(waiting, can_wait);
}

std::chrono::nanoseconds Allowance::until_available(SteadyTime now) const {
  if (is_shared()) return shared_->until_available(now);
  const SteadyTime from = std::max(now, from_);
  return from - now + own_.until_available(from);
}

void Allowance::on_success(SteadyTime sent_at, SteadyTime now) {
  is_shared() ? shared_->on_success(sent_at) : own_.on_success(sent_at, now);
}

void Allowance::on_limited(SteadyTime sent_at, SteadyTime now,
                           std::optional<std::chrono::milliseconds> retry_after) {
  is_shared() ? shared_->on_limited(sent_at, retry_after) : own_.on_limited(sent_at, now, retry_after);
}

double Allowance::available(SteadyTime now) const {
  if (is_shared()) return shared_->available(now);
  return now < from_ ? 0 : own_.available(now);
}

double Allowance::rate() const {
  return is_shared() ? shared_->rate() : own_.rate();
}

double Allowance::burst() const {
  return is_shared() ? shared_->burst() : own_.burst();
}

bool Allowance::paused(SteadyTime now) const {
  return is_shared() ? shared_->paused(now) : own_.paused(now);
}

std::uint64_t Allowance::limited() const {
  return own_.limited() + (shared_ != nullptr ? shared_->limited() : 0);
}

std::uint64_t Allowance::cuts() const {
  return own_.cuts() + (shared_ != nullptr ? shared_->cuts() : 0);
}

}  // namespace roktcached::upstream
