#include "server/admin/client_stats_json.h"

#include <map>
#include <numeric>
#include <string>

namespace roktcached::admin {

namespace json = boost::json;
using counters::ClientRequests;
using http::CacheOutcome;

namespace {

/// A caller's share of a route, or all of it.
struct Sum {
  std::uint64_t asked = 0;
  std::uint64_t from_cache = 0;
  std::uint64_t saved = 0;
  std::uint64_t upstream = 0;
  std::uint64_t waited_ms = 0;
  std::array<std::uint64_t, counters::reason_count> by_reason{};

  void add(const ClientRequests& row) {
    asked += std::accumulate(row.by_outcome.begin(), row.by_outcome.end(), std::uint64_t{0});
    from_cache += row.of(CacheOutcome::hit) + row.of(CacheOutcome::refreshing_hit) +
                  row.of(CacheOutcome::stale_if_error);
    saved +=
        row.of(CacheOutcome::hit) + row.of(CacheOutcome::refreshing_hit) + row.of(CacheOutcome::collapsed);
    waited_ms += static_cast<std::uint64_t>(row.waited.count());
  }
  void add(const counters::Spent& spent) {
    for (std::size_t i = 0; i < by_reason.size(); ++i) {
      by_reason[i] += spent.by_reason[i];
      upstream += spent.by_reason[i];
    }
  }
  [[nodiscard]] json::object to_json() const {
    json::object reasons;
    for (std::size_t i = 0; i < by_reason.size(); ++i) {
      if (by_reason[i] > 0) reasons[counters::to_string(static_cast<counters::Reason>(i))] = by_reason[i];
    }
    return {{"asked", asked},         {"from_cache", from_cache}, {"saved", saved},
            {"waited_ms", waited_ms}, {"upstream", upstream},     {"upstream_by_reason", std::move(reasons)}};
  }
};

struct ClientSums {
  Sum all;
  std::map<std::string, Sum> by_route;
};

}  // namespace

json::object requests_json(const std::vector<ClientRequests>& requests) {
  json::object object;
  for (std::size_t i = 0; i < http::outcome_count; ++i) {
    std::uint64_t sum = 0;
    for (const ClientRequests& row : requests) sum += row.by_outcome[i];
    object[http::to_string(static_cast<CacheOutcome>(i))] = sum;
  }
  return object;
}

json::array clients_json(const std::vector<ClientRequests>& requests,
                         const std::vector<counters::Spent>& spending) {
  std::map<std::string, ClientSums> clients;
  const auto add = [&clients](const auto& one) {
    clients[one.client].all.add(one);
    clients[one.client].by_route[one.route].add(one);
  };
  for (const ClientRequests& row : requests) add(row);
  for (const counters::Spent& spent : spending) add(spent);
  json::array list;
  for (const auto& [name, sums] : clients) {
    json::object client = sums.all.to_json();
    json::object routes;
    for (const auto& [route, sum] : sums.by_route) routes[route] = sum.to_json();
    client["client"] = name;
    client["routes"] = std::move(routes);
    list.push_back(std::move(client));
  }
  return list;
}

}  // namespace roktcached::admin
