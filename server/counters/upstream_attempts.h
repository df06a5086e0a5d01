#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "server/counters/histogram.h"
#include "server/counters/upstream_stats.h"

namespace roktcached::counters {

/// What attempts at the upstream are told apart by.
struct AttemptKind {
  std::string route;    ///< Route::name
  unsigned status = 0;  ///< 0: no valid answer came
  Reason reason = Reason::miss;

  auto operator<=>(const AttemptKind&) const = default;
};

/// What Attempts has counted until some moment.
struct UpstreamAttemptsReading {
  std::map<AttemptKind, std::uint64_t> by_kind;
  Histogram::Reading durations;
};

/// Attempts at the upstream that have ended, whoever they were for: how, and after how long. Belongs to the
/// upstream thread.
class UpstreamAttempts {
 public:
  /// @param status  0: no valid answer came
  void add(std::string_view route, unsigned status, Reason reason, std::chrono::nanoseconds took) {
    const auto known = by_kind_.find(View{route, status, reason});
    if (known != by_kind_.end()) {
      ++known->second;
    } else {
      by_kind_.emplace(AttemptKind{std::string(route), status, reason}, 1);
    }
    durations_.observe(took);
  }
  [[nodiscard]] UpstreamAttemptsReading read() const {
    return {{by_kind_.begin(), by_kind_.end()}, durations_.read()};
  }

 private:
  /// An AttemptKind, without a string made for it.
  using View = std::tuple<std::string_view, unsigned, Reason>;
  struct Before {
    using is_transparent = void;
    static View view_of(const AttemptKind& kind) { return {kind.route, kind.status, kind.reason}; }
    static View view_of(const View& view) { return view; }
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      return view_of(left) < view_of(right);
    }
  };
  std::map<AttemptKind, std::uint64_t, Before> by_kind_;
  Histogram durations_;
};

}  // namespace roktcached::counters
