#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/counters/request_stats.h"
#include "server/logging.h"
#include "server/proxy/fetch/cache_updater.h"
#include "server/reloads.h"
#include "server/upstream/upstream_client.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::admin {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers that a scrape shows, as they were read for it.
struct MetricReadings {
  std::string version;
  std::uint64_t connections = 0;
  counters::RequestStatsReading requests;
  std::uint64_t collapsed = 0;
  std::uint64_t restatements = 0;
  std::uint64_t refreshed_ahead = 0;
  proxy::NotStored not_stored{};
  std::vector<storage::TierStatistics> tiers;
  storage::BodyAccount::Reading bodies;
  upstream::UpstreamStatus upstream_status;
  DroppedLines dropped_lines;
  ReloadStatus reloads;
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
/// this program name, and statuses; nothing from a request's target, and no caller's name: their number must
/// not be for clients to choose. Pure.
[[nodiscard]] std::string metrics_text(const MetricReadings& readings);

}  // namespace roktcached::admin
