#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <random>
#include <vector>

#include "client_spellings.h"
#include "core/caching/freshness.h"
#include "core/time.h"

namespace roktcached::bench {

/// One report and how the upstream's numbers for it move: a version for every hour.
struct Report {
  ReportQuestion question;
  WallTime range_end;
  std::array<int, 26> version_at_hour{};  // [h]: from the h-th movement of the day on

  [[nodiscard]] caching::FreshnessState state(WallTime now) const;
};

struct Ask {
  WallTime at;
  std::size_t report;
  std::size_t client;  // one of client_kinds
};

/// The whole day, the same for each contestant.
class Day {
 public:
  explicit Day(unsigned seed);

  [[nodiscard]] const std::vector<Ask>& asks() const { return asks_; }
  [[nodiscard]] const std::vector<Report>& reports() const { return reports_; }
  [[nodiscard]] int version(std::size_t report, WallTime at) const;
  /// Since when the upstream has no longer said `version`.
  [[nodiscard]] WallTime outdated_since(std::size_t report, int version, WallTime at) const;

 private:
  [[nodiscard]] std::size_t movements_until(WallTime at) const;
  std::chrono::milliseconds jitter(std::chrono::seconds most);
  std::size_t add_report();
  /// A browser's timer: five minutes after the last refresh, give or take what a page needs to load.
  void add_dashboard(std::size_t dashboard);
  void add_service(std::size_t service);

  std::mt19937_64 random_;
  std::chrono::milliseconds movement_;
  std::vector<Report> reports_;
  std::vector<Ask> asks_;
};

}  // namespace roktcached::bench
