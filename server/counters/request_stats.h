#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/mutex.h"
#include "server/counters/counter.h"
#include "server/counters/recent_problems.h"
#include "server/http/message.h"

namespace roktcached::counters {

/// A kind of request: a route of the configuration, an outcome of ours, and a status of three digits. So the
/// number of kinds is bounded, whatever clients send.
struct RequestKind {
  std::string route;  ///< "-" where none matched
  http::CacheOutcome outcome = http::CacheOutcome::local;
  unsigned status = 0;

  auto operator<=>(const RequestKind&) const = default;
};

/// The numbers of RequestStats at some moment, of one thread or of several.
struct RequestStatsReading {
  std::map<RequestKind, std::uint64_t> requests;
  std::array<Histogram::Reading, http::outcome_count> durations;  ///< by outcome
  std::array<std::uint64_t, http::cut_count> cuts{};              ///< answers cut, by why; of none: 0
  std::array<std::uint64_t, http::outcome_count> body_bytes{};    ///< of content that went out, by outcome

  void add(const RequestStatsReading& other);
};

/// Requests by route, outcome and status, and how long they took. There is one object for each client thread,
/// so that counting shares no cache line. It takes no lock and no memory once a kind is known, and makes no
/// search while the same kind is counted again. add is for the owning thread, read for any.
class RequestStats {
 public:
  /// @param route  Route::name, of the table; empty if none matched
  void add(std::string_view route, http::CacheOutcome outcome, unsigned status,
           std::chrono::nanoseconds took);
  /// Counts an answer that did not go out whole, besides add.
  void add_cut(http::Cut why) { cuts_[static_cast<std::size_t>(why)].add(); }
  /// Counts the content that went out, besides add: the bytes of one answer.
  void add_body_bytes(http::CacheOutcome outcome, std::uint64_t bytes) {
    body_bytes_[static_cast<std::size_t>(outcome)].add(bytes);
  }
  [[nodiscard]] RequestStatsReading read() const;
  /// The requests that did not end well. RecentProblems is used by the same rules as this class.
  [[nodiscard]] RecentProblems& problems() { return problems_; }

 private:
  using Kinds = std::map<std::pair<http::CacheOutcome, unsigned>, Counter>;

  /// A counter in the maps, and what it is found by there.
  struct Place {
    std::string_view route;
    http::CacheOutcome outcome = http::CacheOutcome::local;
    unsigned status = 0;
    Counter* counter = nullptr;
  };

  [[nodiscard]] Place find(std::string_view route, http::CacheOutcome outcome,
                           unsigned status) NO_THREAD_SAFETY_ANALYSIS;

  mutable Mutex mutex_;  // of the maps' shape: the owner takes it to change that, a reader to walk it
  std::map<std::string, Kinds, std::less<>> routes_ GUARDED_BY(mutex_);  // no counter is ever erased
  Place last_;                                                           // the owner's alone
  std::array<Histogram, http::outcome_count> durations_;
  std::array<Counter, http::cut_count> cuts_;
  RecentProblems problems_;
  std::array<Counter, http::outcome_count> body_bytes_;
};

}  // namespace roktcached::counters
