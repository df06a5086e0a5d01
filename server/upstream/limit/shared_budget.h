#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "core/time.h"

namespace roktcached::upstream {

/// The budget that several instances spend together, as one of them sees it: the fleet grants each request a
/// time to go. Belongs to the upstream thread.
class SharedBudget {
 public:
  /// How much one instance may send while it cannot ask the others.
  struct Alone {
    double rate = 0;           ///< requests per second
    bool one_at_once = false;  ///< the bucket need not be empty at first
    SteadyTime from;           ///< until then what the fleet has granted is spent
  };

  virtual ~SharedBudget() = default;

  /// @param changed  called when a request may have its turn, and when together() has changed
  virtual void start(std::function<void()> changed) = 0;
  /// Goes on under another budget.
  virtual void change(double requests_per_second, double burst) = 0;

  /// Whether the fleet says who may send. Else this instance goes on alone.
  [[nodiscard]] virtual bool together() const = 0;
  [[nodiscard]] virtual Alone alone() const = 0;

  /// Takes a grant whose time has come.
  [[nodiscard]] virtual bool take(SteadyTime now) = 0;
  /// Gives one back that take() gave: the request was not sent.
  virtual void give_back(SteadyTime now) = 0;
  /// A request has gone that this instance has granted itself, without asking the fleet.
  virtual void spent_alone(SteadyTime now) = 0;
  /// Has the fleet asked for grants, a few ahead.
  /// @param waiting    how many requests wait here
  /// @param can_wait   they are refreshes: they are granted only what nobody else needs
  virtual void want(std::size_t waiting, bool can_wait) = 0;
  /// How long until a grant may be there.
  [[nodiscard]] virtual std::chrono::nanoseconds until_available(SteadyTime now) const = 0;

  /// An answer has come to a request that was sent at `sent_at`.
  virtual void on_success(SteadyTime sent_at) = 0;
  virtual void on_limited(SteadyTime sent_at, std::optional<std::chrono::milliseconds> retry_after) = 0;

  /// The same numbers as RateLimit has, but of the whole fleet, as the engine said last.
  [[nodiscard]] virtual double rate() const = 0;
  [[nodiscard]] virtual double burst() const = 0;
  [[nodiscard]] virtual double available(SteadyTime now) const = 0;
  [[nodiscard]] virtual bool paused(SteadyTime now) const = 0;
  [[nodiscard]] virtual std::uint64_t limited() const = 0;
  [[nodiscard]] virtual std::uint64_t cuts() const = 0;
};

}  // namespace roktcached::upstream
