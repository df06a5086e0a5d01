#include "server/admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace roktcached::admin {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

using Labels = std::vector<ClientMetric::Label>;

/// Metrics of one name. The numbers are counted elsewhere and only shown here, so the library's own counters,
/// which would count a second time, are not used.
class Family {
 public:
  Family(MetricType type, std::string_view name, std::string help)
      : family_{std::string("roktcached_").append(name), std::move(help), type, {}} {}

  Family& add(Labels labels, double value) {
    ClientMetric& metric = append(std::move(labels));
    (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    return *this;
  }
  /// Exact up to 2^53, as every number is that Prometheus keeps.
  Family& add(Labels labels, std::uint64_t value) {
    return add(std::move(labels), static_cast<double>(value));
  }
  Family& add(Labels labels, const Histogram::Reading& reading) {
    ClientMetric::Histogram& histogram = append(std::move(labels)).histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < Histogram::bounds.size(); ++i) {
      cumulative += reading.counts[i];
      histogram.bucket.push_back({cumulative, std::chrono::duration<double>(Histogram::bounds[i]).count()});
    }
    histogram.sample_count = reading.count();
    histogram.sample_sum = std::chrono::duration<double>(reading.sum).count();
    return *this;
  }

  [[nodiscard]] MetricFamily take() { return std::move(family_); }

 private:
  ClientMetric& append(Labels labels) {
    ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  MetricFamily family_;
};

using Families = std::vector<MetricFamily>;

Family counter(std::string_view name, std::string help) {
  return {MetricType::Counter, name, std::move(help)};
}

Family gauge(std::string_view name, std::string help) {
  return {MetricType::Gauge, name, std::move(help)};
}

Family histogram(std::string_view name, std::string help) {
  return {MetricType::Histogram, name, std::move(help)};
}

void add_requests(Families& families, const counters::RequestStatsReading& reading) {
  Family requests =
      counter("requests_total", "Requests answered, by route (- where none matched), outcome and status.");
  for (const auto& [kind, count] : reading.requests) {
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
  Family cuts = counter("answers_cut_total",
                        "Answers that did not go out whole, by why; they are among requests_total.");
  for (std::size_t i = 0; i < reading.cuts.size(); ++i) {
    const auto why = static_cast<http::Cut>(i);
    if (why != http::Cut::none) cuts.add({{"reason", std::string(http::to_string(why))}}, reading.cuts[i]);
  }
  families.push_back(requests.take());
  families.push_back(durations.take());
  families.push_back(cuts.take());
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

void add_attempts(Families& families, const counters::UpstreamAttemptsReading& attempts) {
  Family requests =
      counter("upstream_requests_total",
              "Attempts at the upstream, without those for tokens, by route, status (none where "
              "no valid answer came) and reason.");
  for (const auto& [kind, count] : attempts.by_kind) {
    requests.add({{"route", kind.route},
                  {"code", kind.status == 0 ? "none" : std::to_string(kind.status)},
                  {"reason", std::string(counters::to_string(kind.reason))}},
                 count);
  }
  families.push_back(requests.take());
  families.push_back(histogram("upstream_duration_seconds", "How long an attempt at the upstream took.")
                         .add({}, attempts.durations)
                         .take());
}

void add_budgets(Families& families, const std::vector<upstream::CredentialStatus>& credentials) {
  Family available = gauge("upstream_budget_available", "Requests that could go upstream at once.");
  Family queue = gauge("upstream_queue_length", "Requests that wait for their turn.");
  Family rate = gauge("upstream_requests_per_second",
                      "Requests a second that may go upstream, as learned; +Inf: no limit.");
  Family limited = counter("upstream_limited_total", "Answers with status 429.");
  for (const auto& [name, token, budget] : credentials) {
    const Labels labels = {{"credential", name}};
    available.add(labels, budget.available);
    queue.add(labels, budget.queued);
    rate.add(labels, budget.ceiling > 0 ? budget.rate : std::numeric_limits<double>::infinity());
    limited.add(labels, budget.limited);
  }
  for (Family* family : {&available, &queue, &rate, &limited}) families.push_back(family->take());
}

void add_tokens(Families& families, const std::vector<upstream::CredentialStatus>& credentials) {
  Family expiry = gauge("token_expiry_timestamp_seconds",
                        "When the latest access token expires, in Unix time; absent before the first.");
  Family refreshes = counter("token_refreshes_total", "Requests for an access token that have ended.");
  for (const auto& [name, token, budget] : credentials) {
    if (token.expires_at) {
      const std::chrono::duration<double> since_epoch = token.expires_at->time_since_epoch();
      expiry.add({{"credential", name}}, since_epoch.count());
    }
    refreshes.add({{"credential", name}, {"result", "success"}}, token.minted);
    refreshes.add({{"credential", name}, {"result", "failure"}}, token.failures);
  }
  families.push_back(expiry.take());
  families.push_back(refreshes.take());
}

void add_upstream(Families& families, const upstream::UpstreamStatus& status) {
  add_attempts(families, status.attempts);
  families.push_back(
      counter("upstream_retries_total", "Attempts that repeat a failed one.").add({}, status.retries).take());
  families.push_back(gauge("upstream_state", "1 for the circuit's state, 0 for the other.")
                         .add({{"state", "closed"}}, status.circuit_open ? 0.0 : 1.0)
                         .add({{"state", "open"}}, status.circuit_open ? 1.0 : 0.0)
                         .take());
  add_budgets(families, status.credentials);
  add_tokens(families, status.credentials);
}

void add_cache(Families& families, const std::vector<storage::TierStatistics>& tiers) {
  Family entries = gauge("cache_entries", "Responses stored.");
  Family bytes = gauge("cache_bytes", "Their size, with heads and keys.");
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
    evictions.add(labels, tier.evictions);
    dropped.add(labels, tier.dropped_writes);
    working.add(labels, tier.trouble.empty() ? 1.0 : 0.0);
    errors += tier.errors;
  }
  for (Family* family : {&entries, &bytes, &evictions, &dropped, &working})
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
  const std::chrono::duration<double> since_epoch = reloads.last_success.time_since_epoch();
  families.push_back(gauge("config_last_reload_success_timestamp_seconds",
                           "When the settings in force were read, in Unix time: at the start, or later.")
                         .add({}, since_epoch.count())
                         .take());
}

}  // namespace

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
  add_requests(families, readings.requests);
  families.push_back(counter("coalesced_requests_total", "Requests that shared another's fetch.")
                         .add({}, readings.collapsed)
                         .take());
  families.push_back(counter("restatements_total", "Refreshes that changed numbers which had been given out.")
                         .add({}, readings.restatements)
                         .take());
  families.push_back(counter("refreshed_ahead_total", "Refreshes begun before what they refresh had expired.")
                         .add({}, readings.refreshed_ahead)
                         .take());
  add_not_stored(families, readings.not_stored);
  add_upstream(families, readings.upstream_status);
  add_cache(families, readings.tiers);
  add_bodies(families, readings);
  families.push_back(counter("log_lines_dropped_total", "Lines that never reached the log, by why.")
                         .add({{"reason", "queue_full"}}, readings.dropped_lines.queue_full)
                         .add({{"reason", "not_written"}}, readings.dropped_lines.not_written)
                         .add({{"reason", "held_back"}}, readings.dropped_lines.held_back)
                         .take());
  add_reloads(families, readings.reloads);
  families.push_back(gauge("connections", "Client connections open.").add({}, readings.connections).take());
  families.push_back(
      gauge("build_info", "Always 1; which version runs.").add({{"version", readings.version}}, 1.0).take());
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace roktcached::admin
