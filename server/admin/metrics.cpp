#include "server/admin/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>

#include "server/admin/fleet_status.h"
#include "server/admin/metric_family.h"
#include "server/admin/upstream_metrics.h"

namespace roktcached::admin {

namespace {

/// The requests, and zero for those that each route can have: the first one is seen as one, since there was a
/// number before it. Statuses that a client or the upstream chooses come as they come.
std::map<counters::RequestKind, std::uint64_t> with_zeros(
    std::map<counters::RequestKind, std::uint64_t> requests, const std::vector<MetricRoute>& routes) {
  using http::CacheOutcome;
  const auto add = [&requests](const std::string& route, CacheOutcome outcome, unsigned status) {
    requests.try_emplace({route, outcome, status}, 0);
  };
  const auto add_stored = [&add](const std::string& route) {
    for (const CacheOutcome outcome : {CacheOutcome::hit, CacheOutcome::miss, CacheOutcome::revalidated,
                                       CacheOutcome::collapsed, CacheOutcome::stale_if_error})
      add(route, outcome, 200);
  };
  add("-", CacheOutcome::refused, 404);
  for (const auto& [route, route_class] : routes) {
    if (route_class == rokt::RouteClass::token) {
      add(route, CacheOutcome::local, 200);
      continue;
    }
    for (const unsigned status : {502U, 503U, 504U}) add(route, CacheOutcome::failed, status);
    if (route_class == rokt::RouteClass::off || route_class == rokt::RouteClass::http)
      add(route, CacheOutcome::passed, 200);
    if (route_class != rokt::RouteClass::off) add_stored(route);
    if (route_class == rokt::RouteClass::report || route_class == rokt::RouteClass::metadata)
      add(route, CacheOutcome::refreshing_hit, 200);
  }
  return requests;
}

void add_requests(Families& families, const counters::RequestStatsReading& reading,
                  const std::vector<MetricRoute>& routes) {
  Family requests =
      counter("requests_total", "Requests answered, by route (- where none matched), outcome and status.");
  for (const auto& [kind, count] : with_zeros(reading.requests, routes)) {
    requests.add({{"route", kind.route},
                  {"outcome", std::string(http::to_string(kind.outcome))},
                  {"code", std::to_string(kind.status)}},
                 count);
  }
  Family durations = histogram("request_duration_seconds",
                               "From the end of a request's head to the end of its answer, by outcome.");
  for (std::size_t i = 0; i < reading.durations.size(); ++i) {
    const std::string_view outcome = http::to_string(static_cast<http::CacheOutcome>(i));
    durations.add({{"outcome", std::string(outcome)}}, reading.durations[i]);
  }
  Family body_bytes = counter("response_body_bytes_total", "Content that went out to clients, by outcome.");
  for (std::size_t i = 0; i < reading.body_bytes.size(); ++i) {
    const std::string_view outcome = http::to_string(static_cast<http::CacheOutcome>(i));
    body_bytes.add({{"outcome", std::string(outcome)}}, reading.body_bytes[i]);
  }
  Family cuts = counter("answers_cut_total",
                        "Answers that did not go out whole, by why; they are among requests_total.");
  for (std::size_t i = 0; i < reading.cuts.size(); ++i) {
    const auto why = static_cast<http::Cut>(i);
    if (why != http::Cut::none) cuts.add({{"reason", std::string(http::to_string(why))}}, reading.cuts[i]);
  }
  families.push_back(requests.take());
  families.push_back(durations.take());
  families.push_back(body_bytes.take());
  families.push_back(cuts.take());
}

void add_clients(Families& families, const std::vector<ClientReading>& clients) {
  Family requests =
      counter("client_requests_total",
              "Requests answered, by the configuration's client, (none) for others, and outcome.");
  Family upstream =
      counter("client_upstream_requests_total", "Requests that a client has cost the upstream.");
  for (const ClientReading& client : clients) {
    for (std::size_t i = 0; i < client.by_outcome.size(); ++i) {
      const std::string_view outcome = http::to_string(static_cast<http::CacheOutcome>(i));
      requests.add({{"client", client.name}, {"outcome", std::string(outcome)}}, client.by_outcome[i]);
    }
    upstream.add({{"client", client.name}}, client.upstream);
  }
  families.push_back(requests.take());
  families.push_back(upstream.take());
}

void add_not_stored(Families& families, const proxy::NotStored& not_stored) {
  Family family = counter("not_stored_total", "Fetches that have brought nothing into the store, by why.");
  for (std::size_t i = 0; i < not_stored.size(); ++i) {
    const auto why = static_cast<caching::Storing>(i);
    if (why != caching::Storing::stored)
      family.add({{"reason", std::string(caching::name_of(why))}}, not_stored[i]);
  }
  families.push_back(family.take());
}

void add_cache(Families& families, const std::vector<storage::TierStatistics>& tiers) {
  Family entries = gauge("cache_entries", "Responses stored.");
  Family bytes = gauge("cache_bytes", "Their size, with heads and keys.");
  Family limit = gauge("cache_limit_bytes", "The most that it can be: cache.max_memory, cache.max_disk.");
  Family dropped =
      counter("cache_dropped_writes_total", "Writes given up: the queue or the disk was full, or failed.");
  Family evictions = counter("cache_evictions_total", "Responses given up for lack of room.");
  Family working =
      gauge("cache_tier_up", "1 where it does its work, 0 where something keeps it from it, see /readyz.");
  std::uint64_t errors = 0;
  for (const auto& tier : tiers) {
    const Labels labels = {{"tier", tier.tier}};
    entries.add(labels, tier.entries);
    bytes.add(labels, tier.bytes);
    limit.add(labels, tier.bytes_max);
    evictions.add(labels, tier.evictions);
    dropped.add(labels, tier.dropped_writes);
    working.add(labels, tier.trouble.empty() ? 1.0 : 0.0);
    errors += tier.errors;
  }
  for (Family* family : {&entries, &bytes, &limit, &evictions, &dropped, &working})
    families.push_back(family->take());
  families.push_back(counter("storage_errors_total", "Reads and writes of the cache file that failed.")
                         .add({}, errors)
                         .take());
}

void add_bodies(Families& families, const MetricReadings& readings) {
  const BodyPlaces places = places_of(readings.bodies, readings.tiers);
  families.push_back(
      gauge("body_bytes", "Bytes of answers' bodies in memory, each counted once, by where it is.")
          .add({{"place", "memory"}}, places.memory)
          .add({{"place", "growing"}}, places.growing)
          .add({{"place", "held"}}, places.held)
          .take());
  families.push_back(
      gauge("body_limit_bytes", "The bound of their sum: cache.max_memory and cache.max_transient.")
          .add({}, readings.bodies.bound)
          .take());
  families.push_back(
      counter("body_refusals_total", "How often there was no room for one, and nobody gave way.")
          .add({}, readings.bodies.refused)
          .take());
}

void add_reloads(Families& families, const ReloadStatus& reloads) {
  families.push_back(counter("config_reloads_total", "Times that the settings were read again, by result.")
                         .add({{"result", "success"}}, reloads.succeeded)
                         .add({{"result", "failure"}}, reloads.failed)
                         .take());
  families.push_back(
      gauge("config_last_reload_successful",
            "1 where the settings that were read last are in force, 0 where they were refused.")
          .add({}, reloads.last_error.empty() ? 1.0 : 0.0)
          .take());
  families.push_back(gauge("config_last_reload_success_timestamp_seconds",
                           "When the settings in force were read, in Unix time: at the start, or later.")
                         .add({}, reloads.last_success)
                         .take());
}

void add_certificates(Families& families, const MetricReadings& readings) {
  Family expiry = gauge("certificate_expiry_timestamp_seconds",
                        "When a listener's certificate expires, in Unix time; absent without TLS.");
  for (const auto& [listener, time] : readings.certificates) expiry.add({{"listener", listener}}, time);
  families.push_back(expiry.take());
}

/// The metrics of the process, by the names that every exporter uses.
void add_process(Families& families, const ProcessReadings& process) {
  using prometheus::MetricType;
  const auto add = [&families](MetricType type, const char* name, const char* help, double value) {
    families.push_back(Family(type, name, help).add({}, value).take());
  };
  const auto add_count = [&add](const char* name, const char* help, std::uint64_t value) {
    add(MetricType::Gauge, name, help, static_cast<double>(value));
  };
  add(MetricType::Counter, "process_cpu_seconds_total", "User and system CPU time.", process.cpu_s);
  add(MetricType::Gauge, "process_start_time_seconds", "When the process was started, in Unix time.",
      process.started_at_s);
  add_count("process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
  add_count("process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
  add_count("process_open_fds", "Open file descriptors.", process.open_descriptors);
  add_count("process_max_fds", "The most file descriptors that may be open.", process.max_descriptors);
}

void add_warming(Families& families, const caching::WarmSchedule::Totals& warming) {
  families.push_back(
      counter("warmed_total",
              "Reports brought into the cache before anybody asked for them, one for each day's "
              "instance of a template.")
          .add({}, warming.counts.warmed)
          .take());
  families.push_back(
      counter("warmed_used_total", "Warmed reports that a client was answered with on their day.")
          .add({}, warming.counts.used)
          .take());
  families.push_back(counter("warmed_unused_total",
                             "Warmed reports whose day has passed without that, or that expired too early.")
                         .add({}, warming.counts.unused)
                         .take());
  families.push_back(counter("warming_failures_total", "Instances that could not be warmed on their day.")
                         .add({}, warming.counts.failed)
                         .take());
  families.push_back(gauge("warm_templates", "Questions that are warmed every day, by who has said so.")
                         .add({{"origin", "learned"}}, warming.learned)
                         .add({{"origin", "named"}}, warming.named)
                         .take());
}

}  // namespace

std::vector<ClientReading> client_readings(const std::set<std::string>& names,
                                           const std::vector<counters::ClientRequests>& requests,
                                           const std::vector<counters::Spent>& spending) {
  std::vector<ClientReading> readings = {{.name = "(none)"}};
  for (const std::string& name : names) readings.push_back({.name = name});
  const auto reading_of = [&readings](const std::string& client) -> ClientReading& {
    const auto found = std::ranges::find(readings.begin() + 1, readings.end(), client, &ClientReading::name);
    return found == readings.end() ? readings.front() : *found;
  };
  for (const counters::ClientRequests& row : requests) {
    ClientReading& reading = reading_of(row.client);
    for (std::size_t i = 0; i < row.by_outcome.size(); ++i) reading.by_outcome[i] += row.by_outcome[i];
  }
  for (const counters::Spent& spent : spending) {
    ClientReading& reading = reading_of(spent.client);
    for (const std::uint64_t count : spent.by_reason) reading.upstream += count;
  }
  return readings;
}

BodyPlaces places_of(const storage::BodyAccount::Reading& bodies,
                     const std::vector<storage::TierStatistics>& tiers) {
  BodyPlaces places;
  for (const auto& tier : tiers) places.memory += tier.body_bytes;
  // Read one after the other, and a body that two entries share is in memory twice.
  places.memory = std::min(places.memory, bodies.all);
  places.growing = std::min(bodies.growing, bodies.all - places.memory);
  places.held = bodies.all - places.memory - places.growing;
  return places;
}

std::string metrics_text(const MetricReadings& readings) {
  Families families;
  add_requests(families, readings.requests, readings.routes);
  add_clients(families, readings.clients);
  families.push_back(counter("coalesced_requests_total", "Requests that shared another's fetch.")
                         .add({}, readings.collapsed)
                         .take());
  families.push_back(counter("restatements_total", "Refreshes that changed numbers which had been given out.")
                         .add({}, readings.restatements)
                         .take());
  families.push_back(counter("refreshed_ahead_total", "Refreshes begun before what they refresh had expired.")
                         .add({}, readings.refreshed_ahead)
                         .take());
  add_warming(families, readings.warming);
  add_not_stored(families, readings.not_stored);
  add_upstream(families, readings.upstream_status, readings.routes);
  if (readings.fleet) add_fleet(families, *readings.fleet);
  add_cache(families, readings.tiers);
  add_bodies(families, readings);
  families.push_back(counter("log_lines_dropped_total", "Lines that never reached the log, by why.")
                         .add({{"reason", "queue_full"}}, readings.dropped_lines.queue_full)
                         .add({{"reason", "not_written"}}, readings.dropped_lines.not_written)
                         .add({{"reason", "held_back"}}, readings.dropped_lines.held_back)
                         .take());
  add_reloads(families, readings.reloads);
  add_certificates(families, readings);
  families.push_back(gauge("connections", "Client connections open.").add({}, readings.connections).take());
  families.push_back(gauge("connections_limit", "The most that may be: listen.max_connections.")
                         .add({}, readings.max_connections)
                         .take());
  families.push_back(
      gauge("build_info", "Always 1; which version runs.").add({{"version", readings.version}}, 1.0).take());
  add_process(families, readings.process);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace roktcached::admin
