#include "server/admin/admin.h"
#include "server/admin/fleet_status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "core/http/target.h"
#include "server/admin/body_answer.h"
#include "server/admin/client_stats_json.h"
#include "server/admin/log_level.h"
#include "server/admin/metrics.h"
#include "server/admin/mutation.h"
#include "server/admin/or_null.h"
#include "server/admin/process_readings.h"
#include "server/admin/readiness.h"
#include "server/admin/warming_status.h"
#include "server/http/problem.h"
#include "server/log_event.h"
#include "server/logging.h"
#include "server/openapi/document.h"
#include "server/version.h"

namespace roktcached::admin {

using http::Answer;
using http::Request;
namespace json = boost::json;

namespace {

/// Whoever serves now does so already.
constexpr std::chrono::milliseconds retry_at_once{1};

Answer text(unsigned status, std::string line) {
  return with_body(status, "text/plain; charset=utf-8", std::move(line));
}

json::object token_json(const upstream::TokenStatus& token) {
  json::object object;
  object["state"] = token.alive ? "alive" : "dead";
  object["expires_at_unix_ms"] = or_null(token.expires_at);
  object["minted"] = token.minted;
  object["failures"] = token.failures;
  object["last_error"] = or_null(token.last_error);
  return object;
}

json::object budget_json(const upstream::BudgetStatus& budget) {
  json::object object;
  object["requests_per_second"] = budget.rate;
  object["ceiling"] = budget.ceiling;
  object["available"] = budget.available;
  object["paused"] = budget.paused;
  object["burst"] = budget.burst;
  object["in_flight"] = budget.in_flight;
  object["max_concurrent"] = budget.max_concurrent;
  object["queued"] = budget.queued;
  object["max_queued"] = budget.max_queued;
  object["limited"] = budget.limited;
  object["cuts"] = budget.cuts;
  object["refused"] = budget.refused;
  json::object waiting;
  for (const auto& [client, count] : budget.waiting) waiting[client] = count;
  object["waiting"] = std::move(waiting);
  return object;
}

json::object upstream_json(const upstream::UpstreamStatus& status) {
  json::array credentials;
  for (const auto& credential : status.credentials) {
    json::object object;
    object["name"] = credential.name;
    object["token"] = token_json(credential.token);
    object["budget"] = budget_json(credential.budget);
    credentials.push_back(std::move(object));
  }
  json::object object;
  object["circuit"] = status.circuit_open ? "open" : "closed";
  object["circuit_opened"] = status.circuit_opened;
  object["circuit_probes"] = status.circuit_probes;
  object["circuit_refused"] = status.circuit_refused;
  object["open_routes"] = json::array(status.open_routes.begin(), status.open_routes.end());
  object["retries"] = status.retries;
  object["retries_refused"] = status.retries_refused;
  object["resent"] = status.resent;
  object["credentials"] = std::move(credentials);
  return object;
}

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

/// The result of one reload; /status shows the last one's.
json::object result_json(const ReloadResult& result) {
  json::object object;
  object["result"] = result.succeeded() ? "success" : "failure";
  object["error"] = or_null(result.error);
  object["changed"] = array_of(result.changed);
  object["needs_restart"] = array_of(result.needs_restart);
  return object;
}

json::object reloads_json(const ReloadStatus& reloads) {
  json::object object;
  object["succeeded"] = reloads.succeeded;
  object["failed"] = reloads.failed;
  object["last_success_unix_ms"] = unix_ms(reloads.last_success);
  object["last_error"] = or_null(reloads.last_error);
  object["needs_restart"] = array_of(reloads.needs_restart);
  return object;
}

json::object cache_json(const std::vector<storage::TierStatistics>& tiers) {
  json::object object;
  for (const auto& tier : tiers) {
    object[tier.tier] = {{"entries", tier.entries},
                         {"bytes", tier.bytes},
                         {"bytes_max", tier.bytes_max},
                         {"evictions", tier.evictions},
                         {"errors", tier.errors},
                         {"dropped_writes", tier.dropped_writes},
                         {"queued_writes", tier.queued_writes},
                         {"trouble", or_null(tier.trouble)}};
  }
  return object;
}

json::array listeners_json(const std::vector<session::Listeners::Address>& addresses) {
  json::array list;
  for (const auto& address : addresses) list.push_back({{"address", address.text}, {"tls", address.tls}});
  return list;
}

json::object bodies_json(const storage::BodyAccount::Reading& bodies,
                         const std::vector<storage::TierStatistics>& tiers) {
  const BodyPlaces places = places_of(bodies, tiers);
  return {{"memory", places.memory},
          {"growing", places.growing},
          {"held", places.held},
          {"limit", bodies.bound},
          {"refused", bodies.refused}};
}

}  // namespace

struct Admin::Endpoint {
  std::string_view path;
  bool changes;  ///< POST, with what check_mutation asks for; the others only read, by GET and HEAD
  boost::asio::awaitable<Answer> (Admin::*answer)(const Request& request, std::string_view query) const;
  bool is_probe = false;  ///< the health listener has it, too
};

const Admin::Endpoint Admin::endpoints[] = {
    {"/", false, &Admin::page},
    {"/history", false, &Admin::history},
    {"/livez", false, &Admin::live, true},
    {"/readyz", false, &Admin::ready, true},
    {"/metrics", false, &Admin::metrics, true},
    {"/status", false, &Admin::status},
    {"/entries", false, &Admin::entries},
    {"/openapi.json", false, &Admin::openapi},
    {"/purge", true, &Admin::purge},
    {"/reload", true, &Admin::reload},
    {"/explain", false, &Admin::explain},
    {"/restatements", false, &Admin::restatements},
    {"/warm", true, &Admin::warm},
    {"/log-level", true, &Admin::log_level},
};

/// @param of_health  the probes alone; else all
std::string Admin::listed_paths(bool of_health) {
  std::vector<std::string_view> paths;
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.is_probe || !of_health) paths.push_back(endpoint.path);
  }
  const std::string_view last = paths.back();
  paths.pop_back();
  return fmt::format("{} and {}", fmt::join(paths, ", "), last);
}

boost::asio::awaitable<Answer> Admin::handle(const Request& request) {
  return answer(request, false);
}

boost::asio::awaitable<Answer> Admin::answer_probe(const Request& request) {
  return answer(request, true);
}

boost::asio::awaitable<Answer> Admin::answer(const Request& request, bool on_health) {
  const auto target = http::parse_target(request.target);
  if (!target) co_return problem(target.error(), request.id);
  const auto* const endpoint = std::ranges::find(endpoints, target->path, &Endpoint::path);
  if (endpoint == std::end(endpoints) || (on_health && !endpoint->is_probe)) {
    const std::string has = on_health ? "the health listener has " + listed_paths(true) +
                                            "; /status, /purge and all else are on admin.address"
                                      : "the admin listener has " + listed_paths(false);
    co_return problem({ErrorCode::unknown_route, false, has}, request.id);
  }
  const bool allowed =
      endpoint->changes ? request.method == "POST" : request.method == "GET" || request.method == "HEAD";
  if (!allowed) {
    const std::string methods = endpoint->changes ? "POST" : "GET, HEAD";
    co_return problem({ErrorCode::method_not_allowed, false, methods}, request.id);
  }
  if (endpoint->changes) {
    const auto may = check_change(request);
    const bool elsewhere = !may && may.error().code == ErrorCode::handed_over;
    if (!may)
      co_return problem(may.error(), request.id, elsewhere ? std::optional(retry_at_once) : std::nullopt);
  }
  struct Counted {
    const std::shared_ptr<UnderWay> all;
    explicit Counted(std::shared_ptr<UnderWay> of) : all(std::move(of)) { ++all->requests; }
    ~Counted() { --all->requests; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
  };
  const Counted counted(under_way_);
  co_return co_await (this->*endpoint->answer)(request, target->query);
}

/// Nobody learns anything who may not ask.
Result<void> Admin::check_change(const Request& request) const {
  const auto& token = sources_.runtime->settings.admin.token;
  if (const auto may = check_mutation(request, token, sources_.over_unix_socket); !may) return may.error();
  if (!retired_) return {};
  return Error{ErrorCode::handed_over, true,
               "another process serves in the place of this one; ask again on a new connection",
               ErrorSource::admin};
}

boost::asio::awaitable<Answer> Admin::log_level(const Request& request, std::string_view /*query*/) const {
  const auto level = parse_log_level(request.body);
  if (!level) co_return problem(level.error(), request.id);
  const std::string sentence =
      fmt::format("log level {}, as {} asked", config::to_string(*level), request.client);
  LogEvent(spdlog::level::warn, "log-level-changed", sentence).with("to", config::to_string(*level)).log();
  set_log_level(*level);  // behind its own line, which might be below it
  json::object object;
  object["level"] = config::to_string(*level);
  object["configured"] = config::to_string(sources_.runtime->settings.log.level);
  co_return with_json(object);
}

/// Answers when the settings are in force, on every thread, or are refused: what they say is the same then as
/// in the log.
boost::asio::awaitable<Answer> Admin::reload(const Request& request, std::string_view /*query*/) const {
  log_event(spdlog::level::info, "reload-requested", "reload asked for by {}", request.client)
      .with("client", request.client)
      .log();
  const ReloadResult result = co_await sources_.reloads.reload();
  co_return with_json(result_json(result));
}

std::vector<counters::ClientRequests> Admin::read_client_stats() const {
  std::vector<counters::ClientRequests> all;
  for (const auto& thread : sources_.client_stats) {
    auto requests = thread->read();
    std::ranges::move(requests, std::back_inserter(all));
  }
  return counters::summed(all);
}

boost::asio::awaitable<Answer> Admin::live(const Request& /*request*/, std::string_view /*query*/) const {
  co_return text(200, "alive\n");
}

/// Without a token the proxy still serves what it has, and without its disk what it fetches: ready, but
/// degraded. So a draining process alone gets no more requests.
boost::asio::awaitable<Answer> Admin::ready(const Request& /*request*/, std::string_view query) const {
  const http::Query parameters = http::parse_query(query);
  const bool verbose =
      std::ranges::find(parameters, "verbose", &http::QueryParameter::name) != parameters.end();
  const upstream::UpstreamStatus upstream_status = co_await read_upstream_status();
  const std::optional<fleet::FleetStatus> fleet = co_await read_fleet_status();
  const Readiness readiness = readiness_of(upstream_status, sources_.store.statistics(), fleet, draining_);
  co_return with_json(to_json(readiness, verbose), draining_ ? 503 : 200);
}

/// As the settings in force have it.
boost::asio::awaitable<Answer> Admin::openapi(const Request& /*request*/, std::string_view /*query*/) const {
  const Runtime& runtime = *sources_.runtime;
  co_return with_body(200, "application/json",
                      openapi::document(runtime.settings, runtime.routes, openapi::ServedBy::admin));
}

boost::asio::awaitable<upstream::UpstreamStatus> Admin::read_upstream_status() const {
  return read_on_upstream_thread([this] { return sources_.upstream_client.status(); });
}

boost::asio::awaitable<proxy::WarmingStatus> Admin::read_warming_status() const {
  return read_on_upstream_thread([this] { return sources_.warming.status(most_templates); });
}

boost::asio::awaitable<std::optional<fleet::FleetStatus>> Admin::read_fleet_status() const {
  return read_on_upstream_thread(
      [this] { return sources_.fleet != nullptr ? std::optional(sources_.fleet->status()) : std::nullopt; });
}

boost::asio::awaitable<Answer> Admin::status(const Request& /*request*/, std::string_view /*query*/) const {
  const upstream::UpstreamStatus upstream_status = co_await read_upstream_status();
  const proxy::WarmingStatus warming = co_await read_warming_status();
  const std::optional<fleet::FleetStatus> fleet = co_await read_fleet_status();
  const auto uptime = sources_.clock.steady_now() - sources_.started_at;
  json::object object;
  object["version"] = version;
  object["uptime_s"] = std::chrono::duration_cast<std::chrono::seconds>(uptime).count();
  const std::vector<storage::TierStatistics> tiers = sources_.store.statistics();
  object["readiness"] = to_json(readiness_of(upstream_status, tiers, fleet, draining_), false);
  object["listeners"] = listeners_json(sources_.listeners->addresses());
  object["connections"] = sources_.connections.open();
  object["max_connections"] = sources_.connections.max();
  object["token"] = token_json(sources_.upstream_client.token_status());
  object["cache"] = cache_json(tiers);
  object["bodies"] = bodies_json(sources_.bodies.read(), tiers);
  const std::vector<counters::ClientRequests> requests = read_client_stats();
  object["requests"] = requests_json(requests);
  object["clients"] = clients_json(requests, upstream_status.spending);
  object["collapsed_requests"] = sources_.fetches.collapsed();
  object["restatements"] = sources_.fetches.restatements();
  object["refreshed_ahead"] = sources_.fetches.refreshed_ahead();
  object["warming"] = to_json(warming);
  if (fleet) object["fleet"] = to_json(*fleet);
  const DroppedLines dropped = dropped_lines();
  object["log"] = {{"level", config::to_string(roktcached::log_level())},
                   {"dropped_queue_full", dropped.queue_full},
                   {"dropped_not_written", dropped.not_written},
                   {"held_back", dropped.held_back}};
  object["reloads"] = reloads_json(sources_.reloads.status());
  object["upstream_requests"] = sources_.upstream_client.requests_sent();
  object["upstream"] = upstream_json(upstream_status);
  co_return with_json(object);
}

boost::asio::awaitable<Answer> Admin::metrics(const Request& /*request*/, std::string_view /*query*/) const {
  MetricReadings readings;
  readings.upstream_status = co_await read_upstream_status();
  readings.warming = (co_await read_warming_status()).totals;
  readings.fleet = co_await read_fleet_status();
  readings.version = version;
  readings.connections = sources_.connections.open();
  readings.max_connections = sources_.connections.max();
  for (const rokt::Route& route : sources_.runtime->routes.routes())
    readings.routes.push_back({route.name, route.route_class});
  for (const config::Client& client : sources_.runtime->settings.clients) client_names_.insert(client.name);
  readings.clients = client_readings(client_names_, read_client_stats(), readings.upstream_status.spending);
  for (const auto& thread : sources_.request_stats) readings.requests.add(thread->read());
  readings.collapsed = sources_.fetches.collapsed();
  readings.restatements = sources_.fetches.restatements();
  readings.refreshed_ahead = sources_.fetches.refreshed_ahead();
  readings.not_stored = sources_.fetches.not_stored();
  readings.tiers = sources_.store.statistics();
  readings.bodies = sources_.bodies.read();
  readings.dropped_lines = dropped_lines();
  readings.reloads = sources_.reloads.status();
  if (const auto expiry = sources_.listeners->certificate_expiry())
    readings.certificates.emplace_back("listen", *expiry);
  if (const auto expiry = sources_.health_listeners->certificate_expiry())
    readings.certificates.emplace_back("health", *expiry);
  readings.process = read_process();
  co_return with_body(200, metrics_type, metrics_text(readings));
}

}  // namespace roktcached::admin
