#include "server/counters/client_stats.h"

namespace roktcached::counters {

namespace {

constexpr std::size_t max_clients = 256;
constexpr std::string_view all_others = "(others)";

}  // namespace

const std::string& ClientStats::add(std::string_view client, std::string_view route,
                                    http::CacheOutcome outcome, std::chrono::milliseconds waited,
                                    bool configured) {
  if (route.empty()) route = "-";
  const bool as_before = last_.row != nullptr && *last_.client == client && last_.route == route;
  if (!as_before) last_ = find(client, route, configured);
  last_.row->by_outcome[static_cast<std::size_t>(outcome)].add();
  last_.row->waited_ms.add(static_cast<std::uint64_t>(waited.count()));
  return *last_.client;
}

/// The owner alone changes the maps, and so may read them without the mutex.
ClientStats::Place ClientStats::find(std::string_view client, std::string_view route, bool configured) {
  auto found = clients_.find(client);
  if (found == clients_.end() && !configured && clients_.size() >= max_clients) {
    client = all_others;
    found = clients_.find(client);
  }
  if (found != clients_.end()) {
    if (const auto row = found->second.find(route); row != found->second.end())
      return {&found->first, row->first, &row->second};
  }
  const LockGuard lock(mutex_);
  const auto owner = clients_.try_emplace(std::string(client)).first;
  const auto row = owner->second.try_emplace(std::string(route)).first;
  return {&owner->first, row->first, &row->second};
}

std::vector<ClientRequests> ClientStats::read() const {
  const LockGuard lock(mutex_);
  std::vector<ClientRequests> requests;
  for (const auto& [client, routes] : clients_) {
    for (const auto& [route, row] : routes) {
      ClientRequests copy{.client = client, .route = route};
      for (std::size_t i = 0; i < copy.by_outcome.size(); ++i) copy.by_outcome[i] = row.by_outcome[i].read();
      copy.waited = std::chrono::milliseconds{row.waited_ms.read()};
      requests.push_back(std::move(copy));
    }
  }
  return requests;
}

std::vector<ClientRequests> summed(const std::vector<ClientRequests>& requests) {
  std::map<std::pair<std::string_view, std::string_view>, ClientRequests> sums;
  for (const ClientRequests& row : requests) {
    ClientRequests& sum = sums[{row.client, row.route}];
    sum.client = row.client;
    sum.route = row.route;
    sum.waited += row.waited;
    for (std::size_t i = 0; i < sum.by_outcome.size(); ++i) sum.by_outcome[i] += row.by_outcome[i];
  }
  std::vector<ClientRequests> list;
  for (auto& [key, sum] : sums) list.push_back(std::move(sum));
  return list;
}

}  // namespace roktcached::counters
