#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "server/counters/counter.h"
#include "server/counters/report_stats.h"
#include "server/http/message.h"

namespace roktcached::counters {

/// The requests of one caller on one route, so far.
struct ClientRequests {
  std::string client;
  std::string route;  ///< "-" where none matched
  std::array<std::uint64_t, http::outcome_count> by_outcome{};
  std::chrono::milliseconds waited{};  ///< for the upstream, and for a turn at it

  [[nodiscard]] std::uint64_t of(http::CacheOutcome outcome) const {
    return by_outcome[static_cast<std::size_t>(outcome)];
  }
};

/// Requests by caller, route and outcome. There is one object for each client thread, so that counting shares
/// no cache line. It takes no lock once a caller is known, and makes no search while the same caller asks
/// again. Callers name themselves, so only the first 256, and the configuration's clients, are told apart;
/// the rest are counted as one. add is for the owning thread, read for any.
class ClientStats {
 public:
  /// @param route  Route::name, of the table; empty: none matched
  /// @param configured  the caller is one of the configuration's clients: told apart, however many others
  ///          there are
  /// @return the name that it is counted by, which lives as long as this object does
  const std::string& add(std::string_view client, std::string_view route, http::CacheOutcome outcome,
                         std::chrono::milliseconds waited, bool configured = false);
  [[nodiscard]] std::vector<ClientRequests> read() const;
  /// The same by report; the owning thread adds the requests that have one.
  [[nodiscard]] ReportStats& reports() { return reports_; }

 private:
  struct Row {
    std::array<Counter, http::outcome_count> by_outcome;
    Counter waited_ms;
  };
  using Routes = std::map<std::string, Row, std::less<>>;
  using Clients = std::map<std::string, Routes, std::less<>>;

  /// A row in the maps, and what it is found by there.
  struct Place {
    const std::string* client = nullptr;
    std::string_view route;
    Row* row = nullptr;
  };

  [[nodiscard]] Place find(std::string_view client, std::string_view route,
                           bool configured) NO_THREAD_SAFETY_ANALYSIS;

  mutable Mutex mutex_;  // of the maps' shape: the owner takes it to change that, a reader to walk it
  Clients clients_ GUARDED_BY(mutex_);  // no row is ever erased
  Place last_;                          // the owner's alone
  ReportStats reports_;
};

/// The requests of several threads as one list, in the order of clients and routes.
[[nodiscard]] std::vector<ClientRequests> summed(const std::vector<ClientRequests>& requests);

}  // namespace roktcached::counters
