#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/caching/key.h"
#include "core/mutex.h"
#include "core/time.h"
#include "server/counters/counter.h"
#include "server/http/message.h"

namespace roktcached::counters {

/// One client of one report.
struct ReportClient {
  std::string client;
  std::uint64_t asked = 0;
  std::chrono::milliseconds ago{};  ///< since it asked last
};

/// The clients that have asked for one report.
struct ReportAsks {
  std::uint64_t asked = 0;
  std::uint64_t from_cache = 0;
  std::vector<ReportClient> clients;  ///< those that asked last, the latest first; not all, where many ask

  /// Adds what another thread has counted.
  void add(const ReportAsks& other);
};

/// How often one report was asked for.
struct ReportCount {
  caching::KeyHash key;
  std::uint64_t asked = 0;
};

/// Requests by report and caller, for the reports that were asked for last. There is one object for each
/// client thread: add is for the owning thread, the rest for any. To add takes no memory, and no lock for a
/// caller that has asked for the report before.
///
/// The table has a fixed size. Each report has its place in one set of eight. In a full set, the report whose
/// last request is longest ago gives way, with its counts. The same holds for the clients of a report.
class ReportStats {
 public:
  static constexpr std::size_t reports_max = 2048;
  static constexpr std::size_t clients_max = 8;  ///< of a report

  ReportStats() : sets_(reports_max / set_size) {}

  /// @param client  outlives this object; the same object for the same client
  void add(const caching::KeyHash& key, const std::string& client, http::CacheOutcome outcome,
           SteadyTime now) NO_THREAD_SAFETY_ANALYSIS;

  /// @return empty if the report is not in the table
  [[nodiscard]] std::optional<ReportAsks> read(const caching::KeyHash& key, SteadyTime now) const;
  [[nodiscard]] std::vector<ReportCount> counts() const;

 private:
  static constexpr std::size_t set_size = 8;

  struct Client {
    const std::string* name = nullptr;
    Counter asked;
    std::atomic<SteadyTime> last_asked_at;
  };
  struct Report {
    Counter asked;  // 0: nothing is here
    Counter from_cache;
    std::atomic<SteadyTime> last_asked_at;
    std::array<Client, clients_max> clients;
  };
  /// The keys stand together: to look through them touches two cache lines.
  struct Set {
    std::array<caching::KeyHash, set_size> keys;
    std::array<Report, set_size> reports;

    /// The place of a key; set_size: it has none.
    [[nodiscard]] std::size_t find(const caching::KeyHash& key) const {
      for (std::size_t i = 0; i < set_size; ++i) {
        if (keys[i] == key && reports[i].asked.read() > 0) return i;
      }
      return set_size;
    }
  };

  [[nodiscard]] static std::size_t set_of(const caching::KeyHash& key) {
    return key.low % (reports_max / set_size);
  }
  Report& begin_report(Set& set, const caching::KeyHash& key, const std::string& client);
  Client& begin_client(Report& report, const std::string& client);

  mutable Mutex mutex_;  // of what places stand for: the owner takes it to change that
  std::vector<Set> sets_ GUARDED_BY(mutex_);
};

}  // namespace roktcached::counters
