#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "core/time.h"

namespace roktcached::upstream {

/// Stops sending to what fails, so that who would wait for it is answered at once, and asks it once a second
/// whether it works again. Which failures count, and for what, Circuits says.
///
/// Closed, everything passes, until of the last 20 outcomes that are no older than a minute the latest 8 have
/// failed, and at least half of all. Open, one probe a second passes, and the first that succeeds closes it.
///
/// Belongs to the upstream thread; not thread-safe. No call fails, and who is admitted owes nothing: a probe
/// whose outcome is never recorded delays no later one.
class Circuit {
 public:
  enum class State { closed, open };

  enum class Admission {
    pass,    ///< the circuit is closed
    probe,   ///< it is open, and this request is to find out whether that may end
    refuse,  ///< it is open, and a probe was sent less than a second ago
  };

  /// Whether a request may be sent now. Asked only when it would be: a probe that is not sent is wasted.
  [[nodiscard]] Admission admit(SteadyTime now);

  /// How a request ended. What was sent before the circuit last opened or closed says nothing of the time
  /// since, and is ignored.
  /// @param ok  what counts as a failure is the caller's to say
  void record(bool ok, SteadyTime sent_at, SteadyTime now);

  /// How long until a request may be sent: zero while closed, and when a probe may go.
  [[nodiscard]] std::chrono::nanoseconds retry_after(SteadyTime now) const;

  [[nodiscard]] State state() const { return state_; }
  /// Times that it has opened.
  [[nodiscard]] std::uint64_t opened() const { return opened_; }
  /// Probes admitted so far.
  [[nodiscard]] std::uint64_t probes() const { return probes_; }
  /// Requests refused so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  struct CacheOutcome {
    bool ok;
    SteadyTime at;
  };

  void remember(bool ok, SteadyTime now);
  [[nodiscard]] bool looks_dead() const;
  void change_to(State state, SteadyTime now);

  State state_ = State::closed;
  SteadyTime changed_at_ = SteadyTime::min();
  SteadyTime next_probe_at_ = SteadyTime::min();
  std::deque<CacheOutcome> latest_;  // while closed; the oldest first
  std::uint64_t opened_ = 0;
  std::uint64_t probes_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace roktcached::upstream
