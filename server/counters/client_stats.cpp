#include "server/counters/client_stats.h"

namespace roktcached::counters {

namespace {

constexpr std::size_t max_clients = 256;
constexpr std::string_view all_others = "(others)";

}  // namespace

void ClientStats::add(std::string_view client, std::string_view route, http::CacheOutcome outcome,
                      std::chrono::milliseconds waited) {
  if (route.empty()) route = "-";
  const bool as_before = last_.row != nullptr && last_.client == client && last_.route == route;
  if (!as_before) last_ = find(client, route);
  last_.row->by_outcome[static_cast<std::size_t>(outcome)].add();
  last_.row->waited_ms.add(static_cast<std::uint64_t>(waited.count()));
}

/// The owner alone changes the maps, and so may read them without the mutex.
ClientStats::Place ClientStats::find(std::string_view client, std::string_view route) {
  auto found = clients_.find(client);
  if (found == clients_.end() && clients_.size() >= max_clients) {
    client = all_others;
    found = clients_.find(client);
  }
  if (found != clients_.end()) {
    if (const auto row = found->second.find(route); row != found->second.end())
      return {found->first, row->first, &row->second};
  }
  const LockGuard lock(mutex_);
  const auto owner = clients_.try_emplace(std::string(client)).first;
  const auto row = owner->second.try_emplace(std::string(route)).first;
  return {owner->first, row->first, &row->second};
}

std::vector<Account> ClientStats::read() const {
  const LockGuard lock(mutex_);
  std::vector<Account> accounts;
  for (const auto& [client, routes] : clients_) {
    for (const auto& [route, row] : routes) {
      Account account{.client = client, .route = route};
      for (std::size_t i = 0; i < account.by_outcome.size(); ++i)
        account.by_outcome[i] = row.by_outcome[i].read();
      account.waited = std::chrono::milliseconds{row.waited_ms.read()};
      accounts.push_back(std::move(account));
    }
  }
  return accounts;
}

std::vector<Account> summed(const std::vector<Account>& accounts) {
  std::map<std::pair<std::string_view, std::string_view>, Account> sums;
  for (const Account& account : accounts) {
    Account& sum = sums[{account.client, account.route}];
    sum.client = account.client;
    sum.route = account.route;
    sum.waited += account.waited;
    for (std::size_t i = 0; i < sum.by_outcome.size(); ++i) sum.by_outcome[i] += account.by_outcome[i];
  }
  std::vector<Account> list;
  for (auto& [key, sum] : sums) list.push_back(std::move(sum));
  return list;
}

}  // namespace roktcached::counters
