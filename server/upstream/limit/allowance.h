#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>

#include "core/time.h"
#include "server/upstream/limit/rate_limit.h"
#include "server/upstream/limit/shared_budget.h"

namespace roktcached::upstream {

/// Decides how many requests may go: by the rate that this instance has learned, or as the fleet says. An
/// instance that is alone, away from its fleet, has its part of what the fleet had, and no burst, so that all
/// instances together stay under the limit. Belongs to the upstream thread.
class Allowance {
 public:
  /// @param shared  null: no fleet. Outlives it
  Allowance(RateLimit::Options options, SharedBudget* shared);

  /// @param changed  called when a request may have its turn; only in a fleet
  void start(std::function<void()> changed);
  /// As RateLimit::change.
  void change(RateLimit::Options options, SteadyTime now);

  [[nodiscard]] bool take(SteadyTime now);
  void give_back(SteadyTime now);
  /// Requests wait: in a fleet, somebody has to ask for them. See SharedBudget::want.
  void want(std::size_t waiting, bool can_wait);
  [[nodiscard]] std::chrono::nanoseconds until_available(SteadyTime now) const;

  void on_success(SteadyTime sent_at, SteadyTime now);
  void on_limited(SteadyTime sent_at, SteadyTime now, std::optional<std::chrono::milliseconds> retry_after);

  [[nodiscard]] double available(SteadyTime now) const;
  [[nodiscard]] double rate() const;
  [[nodiscard]] double burst() const;
  [[nodiscard]] bool paused(SteadyTime now) const;
  [[nodiscard]] std::uint64_t limited() const;
  [[nodiscard]] std::uint64_t cuts() const;

 private:
  [[nodiscard]] bool is_shared() const { return shared_ != nullptr && shared_->together(); }
  void go_alone();

  SharedBudget* const shared_;
  RateLimit own_;
  SteadyTime from_ = SteadyTime::min();  // before that, alone, nothing goes
  bool was_together_ = false;
  std::minstd_rand random_{std::random_device{}()};
  std::function<void()> changed_;
};

}  // namespace roktcached::upstream
