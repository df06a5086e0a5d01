#include "server/admin/report_asks.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <unordered_map>

namespace roktcached::admin {

namespace json = boost::json;

counters::ReportAsks asks_of(const ThreadStats& threads, const caching::KeyHash& key, SteadyTime now) {
  counters::ReportAsks sum;
  for (const auto& thread : threads) {
    if (const auto asks = thread->reports().read(key, now)) sum.add(*asks);
  }
  return sum;
}

std::vector<caching::KeyHash> hottest(const ThreadStats& threads) {
  std::unordered_map<caching::KeyHash, std::uint64_t, caching::KeyHashHasher> sums;
  for (const auto& thread : threads) {
    for (const counters::ReportCount& count : thread->reports().counts()) sums[count.key] += count.asked;
  }
  std::vector<counters::ReportCount> counts;
  for (const auto& [key, asked] : sums) counts.push_back({key, asked});
  // Reports that are asked for equally often always come in the same order.
  std::ranges::sort(counts, [](const counters::ReportCount& left, const counters::ReportCount& right) {
    return left.asked != right.asked ? left.asked > right.asked : left.key.low < right.key.low;
  });
  std::vector<caching::KeyHash> keys;
  for (const counters::ReportCount& count : counts) keys.push_back(count.key);
  return keys;
}

void add_asks(json::object& to, const counters::ReportAsks& asks, WallTime now) {
  json::array clients;
  for (const counters::ReportClient& client : asks.clients) {
    clients.push_back({{"client", client.client},
                       {"asked", client.asked},
                       {"last_asked_at_unix_ms", unix_ms(now - client.ago)}});
  }
  to["asked"] = asks.asked;
  to["from_cache"] = asks.from_cache;
  to["asked_by"] = std::move(clients);
}

}  // namespace roktcached::admin
