#include "server/counters/upstream_stats.h"

namespace roktcached::counters {

namespace {

constexpr std::size_t max_callers = 256;

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::miss:
      return "miss";
    case Reason::stale:
      return "stale";
    case Reason::forced:
      return "forced";
    case Reason::revalidation:
      return "revalidation";
    case Reason::refresh_ahead:
      return "refresh_ahead";
    case Reason::passed:
      return "passed";
    case Reason::replay:
      return "replay";
    case Reason::retry:
      return "retry";
  }
  return {};
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
