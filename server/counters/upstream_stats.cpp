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

void UpstreamStats::add(std::string_view client, std::string_view route, Reason reason) {
  if (client.empty()) client = "-";
  auto known = clients_.find(client);
  if (known == clients_.end()) {
    if (clients_.size() >= max_callers) client = "(others)";
    known = clients_.try_emplace(std::string(client)).first;
  }
  auto on_route = known->second.find(route);
  if (on_route == known->second.end()) on_route = known->second.try_emplace(std::string(route)).first;
  ++on_route->second[static_cast<std::size_t>(reason)];
}

std::vector<Spent> UpstreamStats::read() const {
  std::vector<Spent> list;
  for (const auto& [client, routes] : clients_) {
    for (const auto& [route, by_reason] : routes) list.push_back({client, route, by_reason});
  }
  return list;
}

}  // namespace roktcached::counters
