#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "server/counters/counter.h"

namespace roktcached::counters {

/// Why a request was sent upstream.
enum class Reason {
  miss,          ///< nothing usable is stored
  stale,         ///< what is stored is too old, and its sender waits
  forced,        ///< its sender would not have what is stored
  revalidation,  ///< behind a stale answer
  refresh_ahead,
  passed,  ///< the route is not cached
  replay,  ///< again, with a new token
  retry,   ///< again, after a failure
};
inline constexpr std::size_t reason_count = 8;

[[nodiscard]] std::string_view to_string(Reason reason);

/// The requests that one caller has cost the upstream on one route.
struct Spent {
  std::string client;  ///< "-" for what nobody has asked for
  std::string route;
  std::array<std::uint64_t, reason_count> by_reason{};
};

/// Requests sent upstream by caller, route and reason. The first 256 callers are told apart; the rest are
/// counted as one. Belongs to the upstream thread.
class UpstreamStats {
 public:
  UpstreamStats() = default;
  UpstreamStats(const UpstreamStats&) = delete;
  UpstreamStats& operator=(const UpstreamStats&) = delete;
  void add(std::string_view client, std::string_view route, Reason reason) {
    const bool as_before = last_.client == client && last_.route == route && last_.by_reason != nullptr;
    if (!as_before) last_ = find(client, route);
    ++(*last_.by_reason)[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::vector<Spent> read() const;

 private:
  using ByReason = std::array<std::uint64_t, reason_count>;
  using Routes = std::map<std::string, ByReason, std::less<>>;
  /// Numbers in the maps, and for whom they were found: they may be those of all others, too.
  struct Place {
    std::string client;
    std::string_view route;
    ByReason* by_reason = nullptr;
  };
  [[nodiscard]] Place find(std::string_view client, std::string_view route);

  std::map<std::string, Routes, std::less<>> clients_;
  Place last_;  // most requests are like the one before
};

/// A kind of attempt at the upstream.
struct AttemptKind {
  std::string route;    ///< Route::name
  unsigned status = 0;  ///< 0: no valid answer came
  Reason reason = Reason::miss;

  auto operator<=>(const AttemptKind&) const = default;
};

/// The numbers of UpstreamAttempts at some moment.
struct UpstreamAttemptsReading {
  std::map<AttemptKind, std::uint64_t> by_kind;
  std::map<std::string, Histogram::Reading> durations;  ///< by route
};

/// Attempts at the upstream that have ended, whoever they were for: how, and after how long. Belongs to the
/// upstream thread.
class UpstreamAttempts {
 public:
  UpstreamAttempts() = default;
  UpstreamAttempts(const UpstreamAttempts&) = delete;
  UpstreamAttempts& operator=(const UpstreamAttempts&) = delete;
  /// @param status  0: no valid answer came
  void add(std::string_view route, unsigned status, Reason reason, std::chrono::nanoseconds took) {
    const View kind{route, status, reason};
    const bool as_before = last_.kind != nullptr && Before::view_of(*last_.kind) == kind;
    if (!as_before) last_ = find(kind);
    ++*last_.count;
    last_.duration->observe(took);
  }
  [[nodiscard]] UpstreamAttemptsReading read() const {
    UpstreamAttemptsReading reading{{by_kind_.begin(), by_kind_.end()}, {}};
    for (const auto& [route, histogram] : durations_) reading.durations[route] = histogram.read();
    return reading;
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
  /// Numbers in the maps, and what they are found by there.
  struct Place {
    const AttemptKind* kind = nullptr;
    std::uint64_t* count = nullptr;
    Histogram* duration = nullptr;
  };
  [[nodiscard]] Place find(const View& view) {
    const auto& [route, status, reason] = view;
    auto kind = by_kind_.find(view);
    if (kind == by_kind_.end())
      kind = by_kind_.try_emplace(AttemptKind{std::string(route), status, reason}).first;
    auto duration = durations_.find(route);
    if (duration == durations_.end()) duration = durations_.try_emplace(std::string(route)).first;
    return {&kind->first, &kind->second, &duration->second};
  }

  std::map<AttemptKind, std::uint64_t, Before> by_kind_;
  std::map<std::string, Histogram, std::less<>> durations_;  // by route
  Place last_;                                               // most attempts are like the one before
};

}  // namespace roktcached::counters
