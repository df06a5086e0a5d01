#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/time.h"

namespace roktcached::upstream {

/// Stops sending requests to a server or a route that fails, so that they are answered at once. Asks once a
/// second whether it works again. Which failures count, and for what, is decided by Circuits.
///
/// The circuit opens when at least half of the last 20 outcomes, and each of the latest 8, have failed;
/// outcomes older than a minute do not count. While it is open, one probe a second passes, and the first one
/// that succeeds closes it.
///
/// Belongs to the upstream thread; not thread-safe. No call fails, and a request that is admitted owes
/// nothing: a probe whose outcome is never recorded delays no later one.
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

  /// Records how a request ended. A request that was sent before the circuit last opened or closed says
  /// nothing about the time since, and is ignored.
  /// @param ok  what counts as a failure is the caller's decision
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
  struct Outcome {
    bool ok;
    SteadyTime at;
  };

  void remember(bool ok, SteadyTime now);
  [[nodiscard]] bool looks_dead() const;
  void change_to(State state, SteadyTime now);

  State state_ = State::closed;
  SteadyTime changed_at_ = SteadyTime::min();
  SteadyTime next_probe_at_ = SteadyTime::min();
  std::deque<Outcome> latest_;  // while closed; the oldest first
  std::uint64_t opened_ = 0;
  std::uint64_t probes_ = 0;
  std::uint64_t refused_ = 0;
};

/// One circuit for the upstream, and one for each route. The upstream's opens only because the upstream
/// cannot be reached or does not answer. An answer with status 502, 503 or 504 shows that it lives: it counts
/// for its route alone, so that one broken report stops no other.
///
/// Belongs to the upstream thread; not thread-safe. No call fails. A route has at most one circuit.
class Circuits {
 public:
  Circuits() = default;
  Circuits(const Circuits&) = delete;
  Circuits& operator=(const Circuits&) = delete;

  /// The change that record() has made. If both circuits have changed, it is the change of the upstream's.
  enum class Change { none, upstream_opened, upstream_closed, route_opened, route_closed };

  /// Whether a request for this route may be sent now. Asked only when it would be: a probe that is not sent
  /// is wasted.
  [[nodiscard]] bool admit(std::string_view route, SteadyTime now);

  /// How a request ended.
  /// @param status  of a valid answer; 0: none came
  Change record(std::string_view route, unsigned status, SteadyTime sent_at, SteadyTime now);

  /// How long until a request for this route may be sent; zero: now.
  [[nodiscard]] std::chrono::nanoseconds retry_after(std::string_view route, SteadyTime now) const;

  /// Whether the upstream's circuit or the route's is open.
  [[nodiscard]] bool is_open(std::string_view route) const;
  [[nodiscard]] const Circuit& upstream() const { return upstream_; }
  /// The routes whose own circuit is open, by name.
  [[nodiscard]] std::vector<std::string> open_routes() const;

 private:
  struct HashOfName : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Change record_answer(std::string_view route, unsigned status, SteadyTime sent_at, SteadyTime now);
  using Routes = std::unordered_map<std::string, Circuit, HashOfName, std::equal_to<>>;

  [[nodiscard]] Circuit& of(std::string_view route);
  /// Null: it has none yet.
  [[nodiscard]] const Circuit* find(std::string_view route) const;

  Circuit upstream_;
  Routes routes_;                   // only grows
  Routes::pointer last_ = nullptr;  // of them: most requests are for the route of the one before
};

}  // namespace roktcached::upstream
