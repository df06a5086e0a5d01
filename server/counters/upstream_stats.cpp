#include "server/counters/upstream_stats.h"

namespace roktcached::counters {

namespace {

constexpr std::size_t max_callers = 256;

}  // namespace

std::string_view to_string(Reason reason) {
  static constexpr std::array<std::string_view, reason_count> names = {
      "miss", "stale", "forced", "revalidation", "refresh_ahead", "passed", "replay", "retry"};
  return names[static_cast<std::size_t>(reason)];
}

UpstreamStats::Place UpstreamStats::find(std::string_view client, std::string_view route) {
  std::string_view counted_as = client.empty() ? std::string_view("-") : client;
  auto known = clients_.find(counted_as);
  if (known == clients_.end()) {
    if (clients_.size() >= max_callers) counted_as = "(others)";
    known = clients_.try_emplace(std::string(counted_as)).first;
  }
  auto on_route = known->second.find(route);
  if (on_route == known->second.end()) on_route = known->second.try_emplace(std::string(route)).first;
  return {std::string(client), on_route->first, &on_route->second};
}

std::vector<Spent> UpstreamStats::read() const {
  std::vector<Spent> list;
  for (const auto& [client, routes] : clients_) {
    for (const auto& [route, by_reason] : routes) list.push_back({client, route, by_reason});
  }
  return list;
}

}  // namespace roktcached::counters
