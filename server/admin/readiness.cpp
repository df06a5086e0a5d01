#include "server/admin/readiness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "server/admin/or_null.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

PartState token_part(const upstream::CredentialStatus& credential) {
  const upstream::TokenStatus& token = credential.token;
  PartState part{.part = "token", .name = credential.name, .reason = {}, .figures = {}};
  if (!token.alive) {
    part.reason = "no access token for the upstream";
    if (!token.last_error.empty()) part.reason += ": " + token.last_error;
  }
  part.figures["expires_at_unix_ms"] = or_null(token.expires_at);
  part.figures["minted"] = token.minted;
  part.figures["failures"] = token.failures;
  return part;
}

PartState budget_part(const upstream::CredentialStatus& credential) {
  const upstream::BudgetStatus& budget = credential.budget;
  PartState part{.part = "budget", .name = credential.name, .reason = {}, .figures = {}};
  if (budget.paused) {
    part.reason = "paused: the upstream has asked for it by Retry-After";
  } else if (budget.queued > 0) {
    part.reason = fmt::format("{} requests wait for their turn", budget.queued);
  }
  part.figures["available"] = budget.available;
  part.figures["requests_per_second"] = budget.rate;
  part.figures["paused"] = budget.paused;
  part.figures["in_flight"] = budget.in_flight;
  part.figures["queued"] = budget.queued;
  part.figures["max_queued"] = budget.max_queued;
  return part;
}

PartState circuit_part(const upstream::UpstreamStatus& status) {
  PartState part{.part = "circuit", .name = {}, .reason = {}, .figures = {}};
  if (status.circuit_open) {
    part.reason = "open: the upstream does not answer";
  } else if (!status.open_routes.empty()) {
    part.reason = fmt::format("open for {}", fmt::join(status.open_routes, ", "));
  }
  part.figures["open"] = status.circuit_open;
  part.figures["open_routes"] = json::array(status.open_routes.begin(), status.open_routes.end());
  part.figures["refused"] = status.circuit_refused;
  return part;
}

PartState cache_part(const storage::TierStatistics& tier) {
  PartState part{.part = "cache", .name = tier.tier, .reason = tier.trouble, .figures = {}};
  part.figures["entries"] = tier.entries;
  part.figures["bytes"] = tier.bytes;
  part.figures["bytes_max"] = tier.bytes_max;
  part.figures["errors"] = tier.errors;
  part.figures["queued_writes"] = tier.queued_writes;
  return part;
}

PartState fleet_part(const fleet::FleetStatus& fleet) {
  PartState part{.part = "fleet", .name = {}, .reason = {}, .figures = {}};
  if (!fleet.link.together) {
    part.reason = "alone: the engine cannot be reached";
    if (!fleet.link.trouble.empty()) part.reason += ": " + fleet.link.trouble;
  }
  part.figures["members"] = fleet.members;
  part.figures["members_known"] = fleet.members_known;
  part.figures["timeouts"] = fleet.link.timeouts;
  return part;
}

json::object named(const PartState& part) {
  json::object object{{"part", part.part}};
  if (!part.name.empty()) object["name"] = part.name;
  return object;
}

json::object full(const PartState& part) {
  json::object object = named(part);
  object["state"] = part.reason.empty() ? "ok" : "degraded";
  object["reason"] = or_null(part.reason);
  for (const auto& figure : part.figures) object[figure.key()] = figure.value();
  return object;
}

}  // namespace

std::string_view Readiness::status() const {
  if (draining) return "draining";
  const auto is_well = [](const PartState& part) { return part.reason.empty(); };
  return std::ranges::all_of(parts, is_well) ? "ready" : "degraded";
}

Readiness readiness_of(const upstream::UpstreamStatus& upstream_status,
                       const std::vector<storage::TierStatistics>& tiers,
                       const std::optional<fleet::FleetStatus>& fleet, bool draining) {
  Readiness readiness{.draining = draining, .parts = {}};
  for (const auto& credential : upstream_status.credentials)
    readiness.parts.push_back(token_part(credential));
  for (const auto& credential : upstream_status.credentials)
    readiness.parts.push_back(budget_part(credential));
  readiness.parts.push_back(circuit_part(upstream_status));
  for (const auto& tier : tiers) readiness.parts.push_back(cache_part(tier));
  if (fleet) readiness.parts.push_back(fleet_part(*fleet));
  return readiness;
}

json::object to_json(const Readiness& readiness, bool verbose) {
  json::array degraded;
  json::array parts;
  for (const PartState& part : readiness.parts) {
    if (verbose) parts.push_back(full(part));
    if (part.reason.empty()) continue;
    json::object one = named(part);
    one["reason"] = part.reason;
    degraded.push_back(std::move(one));
  }
  json::object object{{"status", readiness.status()}, {"degraded", std::move(degraded)}};
  if (verbose) object["parts"] = std::move(parts);
  return object;
}

}  // namespace roktcached::admin
