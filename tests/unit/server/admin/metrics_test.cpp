#include "server/admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace roktcached::admin {
namespace {

using http::CacheOutcome;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The samples of one name, in their order.
std::vector<std::string> samples(const std::string& text, const std::string& name) {
  std::vector<std::string> found;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with(name + "{") || line.starts_with(name + " ")) found.push_back(line);
  }
  return found;
}

upstream::CredentialStatus credential(std::string name) {
  upstream::CredentialStatus status;
  status.name = std::move(name);
  status.token = {.alive = true,
                  .expires_at = WallTime(1'800'000'000'250ms),
                  .minted = 4,
                  .failures = 1,
                  .last_error = ""};
  status.budget = {.rate = 2.5,
                   .ceiling = 10,
                   .available = 3.75,
                   .paused = false,
                   .burst = 20,
                   .in_flight = 1,
                   .max_concurrent = 8,
                   .queued = 7,
                   .max_queued = 1000,
                   .limited = 12,
                   .cuts = 3,
                   .refused = 2,
                   .waiting = {}};
  return status;
}

MetricReadings some_readings() {
  MetricReadings readings;
  readings.version = "1.2.3";
  readings.connections = 5;
  readings.dropped_lines = {.queue_full = 3, .not_written = 1};
  readings.requests.requests = {{{"-", CacheOutcome::refused, 404}, 2},
                                {{"account-summary", CacheOutcome::hit, 200}, 9'007'199'254'740'992}};
  Histogram hits;
  hits.observe(40us);
  hits.observe(60us);
  hits.observe(400us);
  hits.observe(45s);
  readings.requests.durations[static_cast<std::size_t>(CacheOutcome::hit)] = hits.read();
  readings.requests.cuts[static_cast<std::size_t>(http::Cut::write_timeout)] = 23;
  readings.collapsed = 11;
  readings.restatements = 13;
  readings.refreshed_ahead = 17;
  readings.warming = {.counts = {.warmed = 31, .used = 29, .unused = 2, .failed = 3},
                      .forgotten = 1,
                      .learned = 5,
                      .named = 7};
  readings.not_stored[static_cast<std::size_t>(caching::Storing::not_json)] = 19;
  readings.tiers = {{.tier = "memory",
                     .entries = 100,
                     .bytes = 4096,
                     .bytes_max = 10'000,
                     .body_bytes = 3000,
                     .evictions = 3,
                     .trouble = {}},
                    {.tier = "disk",
                     .entries = 1000,
                     .bytes = 1'234'567'890,
                     .evictions = 1,
                     .errors = 6,
                     .trouble = "cannot be read"}};
  readings.bodies = {.all = 5000, .growing = 500, .bound = 9000, .refused = 29};
  readings.upstream_status.credentials = {credential("default")};
  readings.upstream_status.retries = 19;
  readings.upstream_status.attempts.by_kind = {{{"account-summary", 0, counters::Reason::retry}, 1},
                                               {{"account-summary", 503, counters::Reason::stale}, 2}};
  Histogram attempts;
  attempts.observe(250ms);
  readings.upstream_status.attempts.durations["account-summary"] = attempts.read();
  readings.max_connections = 8000;
  readings.routes = {{"account-summary", rokt::RouteClass::report},
                     {"files", rokt::RouteClass::http},
                     {"passed", rokt::RouteClass::off},
                     {"token", rokt::RouteClass::token}};
  readings.requests.body_bytes[static_cast<std::size_t>(CacheOutcome::hit)] = 12'345;
  readings.clients = {{.name = "(none)"}, {.name = "tableau", .upstream = 41}};
  readings.clients[1].by_outcome[static_cast<std::size_t>(CacheOutcome::hit)] = 43;
  readings.certificates = {{"listen", WallTime(1'900'000'000'000ms)}};
  readings.process = {.started_at_s = 1'700'000'000.25,
                      .cpu_s = 1.5,
                      .resident_bytes = 4096,
                      .virtual_bytes = 8192,
                      .open_descriptors = 37,
                      .max_descriptors = 1024};
  return readings;
}

TEST(Metrics, PlacesOfBodiesAddUpWhateverWasReadWhen) {
  const std::vector<storage::TierStatistics> tiers = {{.tier = "memory", .body_bytes = 900, .trouble = {}}};
  for (const std::uint64_t all : {0U, 100U, 900U, 950U, 2000U}) {
    const BodyPlaces places = places_of({.all = all, .growing = 300, .bound = 1, .refused = 0}, tiers);
    EXPECT_EQ(places.memory + places.growing + places.held, all);
    for (const std::uint64_t one : {places.memory, places.growing, places.held}) EXPECT_LE(one, all);
  }
}

TEST(Metrics, SayWhatWasRead) {
  const std::vector<std::string> lines = lines_of(metrics_text(some_readings()));
  for (const char* line : {
           R"(roktcached_requests_total{route="-",outcome="refused",code="404"} 2)",
           R"(roktcached_requests_total{route="account-summary",outcome="hit",code="200"} 9007199254740992)",
           R"(roktcached_answers_cut_total{reason="write_timeout"} 23)",
           R"(roktcached_answers_cut_total{reason="client_gone"} 0)",
           R"(roktcached_upstream_requests_total{route="account-summary",code="none",reason="retry"} 1)",
           R"(roktcached_upstream_requests_total{route="account-summary",code="503",reason="stale"} 2)",
           R"(roktcached_upstream_duration_seconds_sum{route="account-summary"} 0.25)",
           R"(roktcached_connections_limit 8000)",
           R"(roktcached_response_body_bytes_total{outcome="hit"} 12345)",
           R"(roktcached_client_requests_total{client="tableau",outcome="hit"} 43)",
           R"-(roktcached_client_requests_total{client="(none)",outcome="hit"} 0)-",
           R"(roktcached_client_upstream_requests_total{client="tableau"} 41)",
           R"(roktcached_upstream_budget_limit{credential="default"} 20)",
           R"(roktcached_upstream_in_flight{credential="default"} 1)",
           R"(roktcached_upstream_in_flight_limit{credential="default"} 8)",
           R"(roktcached_upstream_queue_limit{credential="default"} 1000)",
           R"(roktcached_upstream_requests_per_second_limit{credential="default"} 10)",
           R"(roktcached_cache_limit_bytes{tier="memory"} 10000)",
           R"(roktcached_certificate_expiry_timestamp_seconds{listener="listen"} 1900000000)",
           R"(roktcached_config_last_reload_successful 1)",
           R"(process_start_time_seconds 1700000000.25)",
           R"(process_cpu_seconds_total 1.5)",
           R"(process_resident_memory_bytes 4096)",
           R"(process_virtual_memory_bytes 8192)",
           R"(process_open_fds 37)",
           R"(process_max_fds 1024)",
       }) {
    EXPECT_THAT(lines, testing::Contains(line));
  }
}

TEST(Metrics, SayWhatWasReadOfTheUpstreamAndTheCache) {
  const std::vector<std::string> lines = lines_of(metrics_text(some_readings()));
  for (const char* line : {
           R"(roktcached_upstream_retries_total 19)",
           R"(roktcached_upstream_budget_available{credential="default"} 3.75)",
           R"(roktcached_upstream_queue_length{credential="default"} 7)",
           R"(roktcached_upstream_requests_per_second{credential="default"} 2.5)",
           R"(roktcached_upstream_limited_total{credential="default"} 12)",
           R"(roktcached_token_expiry_timestamp_seconds{credential="default"} 1800000000.25)",
           R"(roktcached_token_refreshes_total{credential="default",result="success"} 4)",
           R"(roktcached_token_refreshes_total{credential="default",result="failure"} 1)",
           R"(roktcached_cache_entries{tier="memory"} 100)",
           R"(roktcached_body_bytes{place="memory"} 3000)",
           R"(roktcached_body_bytes{place="growing"} 500)",
           R"(roktcached_body_bytes{place="held"} 1500)",
           R"(roktcached_body_limit_bytes 9000)",
           R"(roktcached_body_refusals_total 29)",
           R"(roktcached_answers_cut_total{reason="overloaded"} 0)",
           R"(roktcached_cache_entries{tier="disk"} 1000)",
           R"(roktcached_cache_bytes{tier="disk"} 1234567890)",
           R"(roktcached_cache_evictions_total{tier="memory"} 3)",
           R"(roktcached_storage_errors_total 6)",
           R"(roktcached_cache_tier_up{tier="memory"} 1)",
           R"(roktcached_cache_tier_up{tier="disk"} 0)",
           R"(roktcached_coalesced_requests_total 11)",
           R"(roktcached_restatements_total 13)",
           R"(roktcached_refreshed_ahead_total 17)",
           R"(roktcached_warmed_total 31)",
           R"(roktcached_warmed_used_total 29)",
           R"(roktcached_warmed_unused_total 2)",
           R"(roktcached_warming_failures_total 3)",
           R"(roktcached_warm_templates{origin="learned"} 5)",
           R"(roktcached_warm_templates{origin="named"} 7)",
           R"(roktcached_connections 5)",
           R"(roktcached_log_lines_dropped_total{reason="queue_full"} 3)",
           R"(roktcached_log_lines_dropped_total{reason="not_written"} 1)",
           R"(roktcached_build_info{version="1.2.3"} 1)",
       }) {
    EXPECT_THAT(lines, testing::Contains(line));
  }
}

TEST(Metrics, OfAFleetAreThereFromItsStartAndWithoutOneNever) {
  EXPECT_THAT(metrics_text(some_readings()), Not(HasSubstr("fleet")));
  MetricReadings readings;
  readings.fleet.emplace();
  for (const char* line :
       {"roktcached_fleet_together 0", "roktcached_fleet_members 1", "roktcached_fleet_members_known 1",
        "roktcached_fleet_engine_duration_seconds_count 0", "roktcached_fleet_engine_connects_total 0",
        R"(roktcached_fleet_engine_failures_total{reason="error"} 0)",
        R"(roktcached_fleet_fetches_total{kind="led"} 0)",
        R"(roktcached_fleet_fetches_total{kind="refused"} 0)", "roktcached_fleet_tokens_taken_total 0",
        "roktcached_fleet_clock_skew_seconds 0"})
    EXPECT_THAT(lines_of(metrics_text(readings)), testing::Contains(line));
}

TEST(Metrics, SayWhatWasReadOfTheFleet) {
  MetricReadings readings;
  fleet::FleetStatus& fleet = readings.fleet.emplace();
  fleet.link = {.together = true, .trouble = {}, .connected = 2, .timeouts = 3, .refused = 5, .errors = 7};
  Histogram took;
  took.observe(250us);
  fleet.link.took = took.read();
  fleet.clock_skew_ms = -1500;
  fleet.flights = {
      .led = 11, .taken = 13, .waited = 17, .failed = 19, .alone = 23, .landed = 29, .refused = 31};
  fleet.tokens_taken = 37;
  fleet.members = 7;
  fleet.members_known = 8;
  fleet.purges_due = 9;
  for (const char* line :
       {"roktcached_fleet_together 1", "roktcached_fleet_members 7", "roktcached_fleet_members_known 8",
        "roktcached_fleet_purges_due 9", "roktcached_fleet_engine_duration_seconds_count 1",
        "roktcached_fleet_engine_duration_seconds_sum 0.00025", "roktcached_fleet_engine_connects_total 2",
        R"(roktcached_fleet_engine_failures_total{reason="timeout"} 3)",
        R"(roktcached_fleet_engine_failures_total{reason="full"} 5)",
        R"(roktcached_fleet_engine_failures_total{reason="error"} 7)",
        R"(roktcached_fleet_fetches_total{kind="led"} 11)",
        R"(roktcached_fleet_fetches_total{kind="taken"} 13)",
        R"(roktcached_fleet_fetches_total{kind="waited"} 17)",
        R"(roktcached_fleet_fetches_total{kind="failed"} 19)",
        R"(roktcached_fleet_fetches_total{kind="alone"} 23)",
        R"(roktcached_fleet_fetches_total{kind="landed"} 29)",
        R"(roktcached_fleet_fetches_total{kind="refused"} 31)", "roktcached_fleet_tokens_taken_total 37",
        "roktcached_fleet_clock_skew_seconds -1.5"})
    EXPECT_THAT(lines_of(metrics_text(readings)), testing::Contains(line));
}

TEST(Metrics, EachNameIsDescribedOnceBeforeItsSamples) {
  std::set<std::string> helped;
  std::set<std::string> typed;
  std::string current;
  MetricReadings readings = some_readings();
  readings.fleet.emplace();
  for (const std::string& line : lines_of(metrics_text(readings))) {
    std::istringstream words(line);
    std::string first;
    std::string keyword;
    std::string name;
    words >> first >> keyword >> name;
    if (first != "#") {
      EXPECT_TRUE(line.starts_with(current)) << line << " is not of " << current;
    } else if (keyword == "HELP") {
      EXPECT_TRUE(helped.insert(name).second) << name;
      current = name;
    } else {
      std::string type;
      words >> type;
      EXPECT_EQ(keyword, "TYPE");
      EXPECT_EQ(name, current);
      EXPECT_TRUE(typed.insert(name).second) << name;
      EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
    }
  }
  EXPECT_EQ(helped, typed);
  EXPECT_EQ(helped.size(), 64U);
}

TEST(Metrics, BucketsAreCumulativeAndEndWithAll) {
  const std::string text = metrics_text(some_readings());
  const std::string hit = R"(roktcached_request_duration_seconds_bucket{outcome="hit",le=)";
  std::vector<std::string> buckets;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with(hit)) buckets.push_back(line.substr(hit.size()));
  }
  ASSERT_EQ(buckets.size(), Histogram::bounds.size() + 1);
  EXPECT_EQ(buckets[0], R"("2.5e-05"} 0)");
  EXPECT_EQ(buckets[1], R"("5e-05"} 1)");
  EXPECT_EQ(buckets[2], R"("0.0001"} 2)");
  EXPECT_EQ(buckets[4], R"("0.0005"} 3)");
  EXPECT_EQ(buckets[18], R"("30"} 3)");
  EXPECT_EQ(buckets[19], R"("60"} 4)");
  EXPECT_EQ(buckets[21], R"("+Inf"} 4)");
  EXPECT_THAT(text, HasSubstr("roktcached_request_duration_seconds_count{outcome=\"hit\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("roktcached_request_duration_seconds_sum{outcome=\"hit\"} 45.0005\n"));
}

TEST(Metrics, LabelValuesAreEscaped) {
  MetricReadings readings = some_readings();
  readings.upstream_status.credentials = {credential("a\"b\\c\nd")};
  EXPECT_EQ(samples(metrics_text(readings), "roktcached_upstream_queue_length"),
            std::vector<std::string>{R"(roktcached_upstream_queue_length{credential="a\"b\\c\nd"} 7)"});
}

TEST(Metrics, EachReasonNotToStoreIsThereFromTheStart) {
  const auto all = samples(metrics_text(MetricReadings{}), "roktcached_not_stored_total");
  EXPECT_EQ(all.size(), caching::storing_count - 1) << "stored is no reason";
  EXPECT_THAT(all, testing::Contains(R"(roktcached_not_stored_total{reason="no-room"} 0)"));
  EXPECT_THAT(metrics_text(some_readings()),
              HasSubstr(R"(roktcached_not_stored_total{reason="not-json"} 19)"));
}

TEST(Metrics, TheCircuitIsInOneStateAtATime) {
  MetricReadings readings = some_readings();
  const std::string name = "roktcached_upstream_state";
  EXPECT_EQ(samples(metrics_text(readings), name),
            (std::vector<std::string>{name + R"({state="closed"} 1)", name + R"({state="open"} 0)"}));
  readings.upstream_status.circuit_open = true;
  EXPECT_EQ(samples(metrics_text(readings), name),
            (std::vector<std::string>{name + R"({state="closed"} 0)", name + R"({state="open"} 1)"}));
}

TEST(Metrics, NoLimitIsNoSmallLimit) {
  MetricReadings readings = some_readings();
  readings.upstream_status.credentials[0].budget.ceiling = 0;
  readings.upstream_status.credentials[0].budget.rate = 0;
  EXPECT_THAT(metrics_text(readings),
              HasSubstr("roktcached_upstream_requests_per_second{credential=\"default\"} +Inf\n"));
}

TEST(Metrics, ATokenThatNeverWasHasNoExpiry) {
  MetricReadings readings = some_readings();
  readings.upstream_status.credentials[0].token.expires_at.reset();
  EXPECT_TRUE(samples(metrics_text(readings), "roktcached_token_expiry_timestamp_seconds").empty());
}

TEST(Metrics, NameNoCallerButTheConfigurationsClients) {
  const std::vector<counters::ClientRequests> requests = {
      {.client = "203.0.113.7", .route = "-", .by_outcome = {3}},
      {.client = "tableau", .route = "account-summary", .by_outcome = {5}},
      {.client = "tableau", .route = "campaign-overview", .by_outcome = {7}}};
  const std::vector<counters::Spent> spending = {{"-", "account-summary", {2}},
                                                 {"alice", "account-summary", {1}},
                                                 {"tableau", "account-summary", {0, 11, 13}}};
  const auto clients = client_readings({"idle", "tableau"}, requests, spending);
  ASSERT_EQ(clients.size(), 3U);
  EXPECT_EQ(clients[0].name, "(none)");
  EXPECT_EQ(clients[0].by_outcome[0], 3U);
  EXPECT_EQ(clients[0].upstream, 3U);
  EXPECT_EQ(clients[1].name, "idle");
  EXPECT_EQ(clients[1].by_outcome[0], 0U) << "from the start";
  EXPECT_EQ(clients[2].name, "tableau");
  EXPECT_EQ(clients[2].by_outcome[0], 12U);
  EXPECT_EQ(clients[2].upstream, 24U);
}

TEST(Metrics, EachRouteHasItsNumbersFromTheStart) {
  MetricReadings readings;
  readings.routes = some_readings().routes;
  const std::vector<std::string> lines = lines_of(metrics_text(readings));
  for (const char* line :
       {R"(roktcached_requests_total{route="account-summary",outcome="hit",code="200"} 0)",
        R"(roktcached_requests_total{route="account-summary",outcome="failed",code="503"} 0)",
        R"(roktcached_requests_total{route="files",outcome="passed",code="200"} 0)",
        R"(roktcached_requests_total{route="passed",outcome="passed",code="200"} 0)",
        R"(roktcached_requests_total{route="token",outcome="local",code="200"} 0)",
        R"(roktcached_requests_total{route="-",outcome="refused",code="404"} 0)",
        R"(roktcached_upstream_requests_total{route="account-summary",code="none",reason="miss"} 0)",
        R"(roktcached_upstream_requests_total{route="passed",code="200",reason="passed"} 0)",
        R"(roktcached_upstream_duration_seconds_count{route="files"} 0)"})
    EXPECT_THAT(lines, testing::Contains(line));
  EXPECT_THAT(lines, Not(testing::Contains(HasSubstr(R"(route="token",code)")))) << "never forwarded";
}

TEST(Metrics, SayWhetherTheLastReloadWasRefused) {
  MetricReadings readings = some_readings();
  readings.reloads.last_error = "roktcached.toml:3: no such key";
  EXPECT_THAT(metrics_text(readings), HasSubstr("\nroktcached_config_last_reload_successful 0\n"));
}

}  // namespace
}  // namespace roktcached::admin
