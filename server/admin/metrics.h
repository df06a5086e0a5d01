#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/caching/warm_schedule.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/admin/process_readings.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/fleet/fleet.h"
#include "server/logging.h"
#include "server/proxy/fetch/cache_updater.h"
#include "server/reloads.h"
#include "server/upstream/upstream_client.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::admin {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

/// A route of the configuration, or built in.
struct MetricRoute {
  std::string name;
  rokt::RouteClass route_class = rokt::RouteClass::report;
};

/// A client of the configuration, or, as "(none)", all callers that are none.
struct ClientReading {
  std::string name;
  std::array<std::uint64_t, http::outcome_count> by_outcome{};
  std::uint64_t upstream = 0;  ///< requests that it has cost the upstream
};

/// Sums by the configuration's clients. All callers of other names together are "(none)", the first of the
/// list; no client can have that name, because of the brackets. Pure.
/// @param names  of clients, now or ever: a client that was removed keeps its numbers
[[nodiscard]] std::vector<ClientReading> client_readings(
    const std::set<std::string>& names, const std::vector<counters::ClientRequests>& requests,
    const std::vector<counters::Spent>& spending);

/// The numbers that a scrape shows, as they were read for it.
struct MetricReadings {
  std::string version;
  std::uint64_t connections = 0;
  std::uint64_t max_connections = 0;
  std::vector<MetricRoute> routes;
  std::vector<ClientReading> clients;
  counters::RequestStatsReading requests;
  std::uint64_t collapsed = 0;
  std::uint64_t restatements = 0;
  std::uint64_t refreshed_ahead = 0;
  caching::WarmSchedule::Totals warming;
  proxy::NotStored not_stored{};
  std::vector<storage::TierStatistics> tiers;
  storage::BodyAccount::Reading bodies;
  upstream::UpstreamStatus upstream_status;
  std::optional<fleet::FleetStatus> fleet;  ///< empty: there is none
  DroppedLines dropped_lines;
  ReloadStatus reloads;
  std::vector<std::pair<std::string, WallTime>> certificates;  ///< listener, when its certificate expires
  ProcessReadings process;
};

/// The bytes of bodies by where they are: in the memory tier, growing, and elsewhere.
struct BodyPlaces {
  std::uint64_t memory = 0;
  std::uint64_t growing = 0;
  std::uint64_t held = 0;  ///< being sent, lately ended, read from the cache file or on their way to it
};
[[nodiscard]] BodyPlaces places_of(const storage::BodyAccount::Reading& bodies,
                                   const std::vector<storage::TierStatistics>& tiers);

/// The readings in Prometheus' text exposition format, version 0.0.4. Labels hold what the configuration and
/// this program name, and statuses; nothing from a request: their number must not be for clients to choose.
/// Pure.
[[nodiscard]] std::string metrics_text(const MetricReadings& readings);

}  // namespace roktcached::admin
