#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/time.h"
#include "server/upstream/limit/circuit.h"

namespace roktcached::upstream {

/// One circuit for the upstream, and one for each route. The upstream's opens only because the upstream
/// cannot be reached or does not answer. An answer with status 502, 503 or 504 shows that it lives: it counts
/// for its route alone, so that one broken report stops no other.
///
/// Belongs to the upstream thread; not thread-safe. No call fails. A route has at most one circuit.
class Circuits {
 public:
  /// What a record has changed; of the upstream's circuit and the route's, the upstream's.
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
  [[nodiscard]] const Circuit* find(std::string_view route) const;

  Circuit upstream_;
  std::unordered_map<std::string, Circuit, HashOfName, std::equal_to<>> routes_;
};

}  // namespace roktcached::upstream
