#include "server/admin/explanation.h"

#include <boost/json/array.hpp>
#include <map>
#include <numeric>

#include "core/caching/decision.h"
#include "core/caching/storing.h"
#include "core/http/target.h"
#include "server/admin/content_error.h"
#include "server/admin/entries.h"
#include "server/admin/or_null.h"
#include "server/admin/report_asks.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

json::object lifetime_json(rokt::RouteClass route_class, std::optional<WallTime> range_end,
                           const caching::FreshnessPolicy& policy, WallTime now) {
  const auto lifetime = caching::lifetime_of(route_class, 200, range_end, now, policy);
  const caching::Storing storing = caching::storing_of_report({.has_lifetime = lifetime.has_value()});
  if (!lifetime) return {{"not_stored", caching::name_of(storing)}};
  return {{"not_stored", nullptr},
          {"state", caching::to_string(lifetime->state)},
          {"fresh_ms", (lifetime->fresh_until - now).count()},
          {"usable_ms", (lifetime->usable_until - now).count()}};
}

/// All of an entry that decides what becomes of a request.
caching::StoredResponse response_of(const storage::EntrySummary& entry) {
  caching::StoredResponse response;
  response.status = entry.status;
  response.range_end = entry.range_end;
  response.fetched_at = entry.fetched_at;
  response.fresh_until = entry.fresh_until;
  response.usable_until = entry.usable_until;
  return response;
}

std::string_view name_of(caching::Action action) {
  switch (action) {
    case caching::Action::use:
      return "hit";
    case caching::Action::use_and_refresh:
      return "refreshing_hit";
    case caching::Action::fetch:
    case caching::Action::refuse:
      break;
  }
  return "fetch";
}

std::string_view why(caching::Action action, const caching::StoredResponse* stored,
                     const caching::FreshnessPolicy& policy, WallTime now) {
  if (stored == nullptr) return "nothing is stored for this key";
  if (action == caching::Action::use) return "it is fresh";
  if (action == caching::Action::use_and_refresh)
    return "it is stale, and is served while it is refreshed behind the answer (stale_while_revalidate)";
  if (now >= stored->usable_until) return "it is past its use";
  if (stored->fetched_at > now + caching::clock_tolerance)
    return "it was fetched in the future: the clock has been set back";
  if (now - stored->fresh_until < policy.stale_while_revalidate)
    return "it is stale, and was fetched while its range was open";
  return "it is stale for longer than stale_while_revalidate";
}

json::array clients_of(std::string_view route, const std::vector<counters::ClientRequests>& requests) {
  std::map<std::string, std::uint64_t> asked;
  for (const auto& row : requests) {
    if (row.route != route) continue;
    asked[std::string(row.client)] +=
        std::accumulate(row.by_outcome.begin(), row.by_outcome.end(), std::uint64_t{0});
  }
  json::array list;
  for (const auto& [client, count] : asked) list.push_back({{"client", client}, {"asked", count}});
  return list;
}

}  // namespace

Result<ExplainQuery> parse_explain(std::string_view query) {
  ExplainQuery explain;
  for (const auto& parameter : http::parse_query(query)) {
    std::string* const text = parameter.name == "target"         ? &explain.target
                              : parameter.name == "rokt-version" ? &explain.rokt_version
                              : parameter.name == "content"      ? &explain.content
                                                                 : nullptr;
    if (text == nullptr)
      return content_error(parameter.name, "is unknown", "target, rokt-version and content");
    if (!text->empty()) return content_error(parameter.name, "comes twice", "once");
    if (parameter.value.empty()) return content_error(parameter.name, "is empty", "a text");
    *text = parameter.value;
  }
  if (explain.target.empty())
    return content_error("target", "is missing",
                         "a path with its query, percent-encoded, beginning with \"/\"");
  return explain;
}

json::object explain_request(const Runtime& runtime, const proxy::TargetRequest& request, WallTime now) {
  const rokt::Route& route = *request.route;
  json::object explained = {{"route", route.name},
                            {"class", rokt::to_string(route.route_class)},
                            {"account", request.account_id},
                            {"campaign", request.campaign_id},
                            {"at_unix_ms", unix_ms(now)}};
  if (!request.cache_request) return explained;
  const proxy::CacheRequest& asked = *request.cache_request;
  explained["credential"] = runtime.settings.credentials[asked.credential].name;
  explained["key"] = caching::to_hex(asked.key.hash());
  explained["key_text"] = asked.key.text();
  const caching::KeyParts parts = caching::parts_of(asked.key);
  explained["target"] = parts.target;
  explained["rokt_version"] = parts.rokt_version;
  explained["range_end_unix_ms"] = or_null(asked.range_end);
  explained["if_fetched_now"] = lifetime_json(route.route_class, asked.range_end, *asked.policy, now);
  return explained;
}

void add_findings(json::object& explained, const proxy::TargetRequest& request, const Findings& findings,
                  const caching::FreshnessPolicies& policies, WallTime now) {
  const caching::FreshnessPolicy& policy = *request.cache_request->policy;
  std::optional<caching::StoredResponse> stored;
  if (findings.stored) stored = response_of(findings.stored->entry);
  const caching::StoredResponse* const response = stored ? &*stored : nullptr;
  const caching::Decision decision = caching::decide(response, {}, policy, now);
  explained["answer"] = name_of(decision.action);
  explained["why"] = why(decision.action, response, policy, now);
  explained["may_stand_in"] = caching::may_stand_in(response, policy, now);
  explained["stored"] = nullptr;
  if (findings.stored) {
    json::object entry = entry_json(findings.stored->entry, policies, now);
    entry["tier"] = findings.stored->in_memory ? "memory" : "disk";
    entry["finds"] = findings.stored->finds;
    explained["stored"] = std::move(entry);
  }
  json::array others;
  for (const auto& entry : findings.others) others.push_back(entry_json(entry, policies, now));
  explained["other_entries"] = std::move(others);
  add_asks(explained, findings.asks, now);
  explained["route_clients"] = clients_of(request.route->name, findings.requests);
}

}  // namespace roktcached::admin
