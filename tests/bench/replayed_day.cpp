#include "replayed_day.h"

#include <algorithm>
#include <string>

#include "core/http/target.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

namespace roktcached::bench {

using caching::FreshnessState;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr WallTime midnight = std::chrono::sys_days{std::chrono::year{2026} / 10 / 14};
constexpr std::size_t clients_each = 5;  // of a dashboard or a service

struct Range {
  const char* name;
  const char* date_start;
  const char* date_end;
};
constexpr std::array<Range, 2> open_ranges = {
    {{"today", "2026-10-14T00:00:00", "2026-10-15T00:00:00"},
     {"month to date", "2026-10-01T00:00:00", "2026-10-15T00:00:00"}}};
constexpr std::array<Range, 3> restating_ranges = {
    {{"yesterday", "2026-10-13T00:00:00", "2026-10-14T00:00:00"},
     {"last 7 days", "2026-10-07T00:00:00", "2026-10-14T00:00:00"},
     {"last month", "2026-09-01T00:00:00", "2026-10-01T00:00:00"}}};
constexpr std::array<Range, 2> settled_ranges = {
    {{"last quarter", "2026-04-01T00:00:00", "2026-07-01T00:00:00"},
     {"same month last year", "2025-10-01T00:00:00", "2025-11-01T00:00:00"}}};
constexpr std::array<const char*, 3> zones = {"America/New_York", "Europe/London", "Australia/Sydney"};
constexpr std::array<const char*, 2> currencies = {"USD", "GBP"};

WallTime range_end_of(const ReportQuestion& question) {
  static const rokt::RouteTable routes(rokt::rokt_routes());
  const std::string text = bench::target_of(question, client_kinds.front());
  const auto target = http::parse_target(text);
  const auto match = routes.match("GET", target->path);
  return *rokt::check_parameters(*match->route, http::parse_query(target->query), {})->range_end;
}

/// Which client asks for the `turn`-th time for what is the `consumer`-th dashboard or service.
std::size_t client_of(std::size_t consumer, std::size_t turn) {
  return (consumer * clients_each + turn % clients_each) % client_kinds.size();
}

}  // namespace

FreshnessState Report::state(WallTime now) const {
  return caching::report_state(range_end, now, caching::FreshnessPolicy{}.restatement_window);
}

Day::Day(unsigned seed) : random_(seed), movement_(minutes{static_cast<int>(random_() % 60)}) {
  for (std::size_t dashboard = 0; dashboard < 40; ++dashboard) add_dashboard(dashboard);
  for (std::size_t service = 0; service < 10; ++service) add_service(service);
  std::ranges::sort(asks_, {}, &Ask::at);
}

int Day::version(std::size_t report, WallTime at) const {
  return reports_[report].version_at_hour[movements_until(at)];
}

WallTime Day::outdated_since(std::size_t report, int version, WallTime at) const {
  std::size_t hour = movements_until(at);
  const auto& versions = reports_[report].version_at_hour;
  while (hour > 0 && versions[hour - 1] != version) --hour;
  return midnight + movement_ + hours{static_cast<int>(hour) - 1};
}

std::size_t Day::movements_until(WallTime at) const {
  const auto since = at - midnight - movement_;
  return since < milliseconds{0} ? 0 : static_cast<std::size_t>(since / hours{1}) + 1;
}

milliseconds Day::jitter(seconds most) {
  return milliseconds{
      static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(milliseconds{most}.count()))};
}

std::size_t Day::add_report() {
  const std::size_t number = reports_.size();
  // Of ten in a row two are open, five restating and three settled.
  static constexpr std::array<int, 10> kinds = {0, 1, 1, 2, 1, 0, 2, 1, 1, 2};
  const int kind = kinds[number % kinds.size()];
  const Range& range = kind == 0   ? open_ranges[number / 10 % open_ranges.size()]
                       : kind == 1 ? restating_ranges[number / 10 % restating_ranges.size()]
                                   : settled_ranges[number / 10 % settled_ranges.size()];
  Report report;
  report.question = {"/reporting/accounts/" + std::to_string(1 + number / 12) + "/campaigns/" +
                         std::to_string(1 + number % 12) + "/overview",
                     range.date_start, range.date_end, currencies[number % currencies.size()],
                     zones[number % zones.size()]};
  report.range_end = range_end_of(report.question);
  std::bernoulli_distribution restated(0.03);
  for (std::size_t hour = 1; hour < report.version_at_hour.size(); ++hour) {
    const FreshnessState state = report.state(midnight + movement_ + hours{static_cast<int>(hour) - 1});
    const bool moves =
        state == FreshnessState::open || (state == FreshnessState::restating && restated(random_));
    report.version_at_hour[hour] = report.version_at_hour[hour - 1] + (moves ? 1 : 0);
  }
  reports_.push_back(report);
  return number;
}

void Day::add_dashboard(std::size_t dashboard) {
  std::array<std::size_t, 25> tiles{};
  for (auto& tile : tiles) tile = add_report();
  std::size_t turn = 0;
  for (WallTime at = midnight + hours{8} + jitter(minutes{5}); at < midnight + hours{18}; at += minutes{5}) {
    const std::size_t client = client_of(dashboard, turn++);
    for (const auto tile : tiles) asks_.push_back({at + jitter(seconds{3}), tile, client});
  }
}

void Day::add_service(std::size_t service) {
  std::array<std::size_t, 20> keys{};
  for (auto& key : keys) key = add_report();
  std::size_t turn = 0;
  for (WallTime at = midnight + jitter(minutes{1}); at < midnight + hours{24}; at += minutes{1}) {
    const std::size_t client = client_of(service, turn++);
    for (const auto key : keys) asks_.push_back({at + jitter(seconds{1}), key, client});
  }
}

}  // namespace roktcached::bench
