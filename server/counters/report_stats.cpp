#include "server/counters/report_stats.h"

#include <algorithm>

namespace roktcached::counters {

namespace {

bool is_from_cache(http::CacheOutcome outcome) {
  return outcome == http::CacheOutcome::hit || outcome == http::CacheOutcome::refreshing_hit ||
         outcome == http::CacheOutcome::stale_if_error;
}

/// Another object in the place of `old`, with counts of zero.
template <class Object>
void begin_anew(Object& old) {
  std::destroy_at(&old);
  std::construct_at(&old);
}

/// The last request of a report or a client.
constexpr auto last_asked_at = [](const auto& one) {
  return one.last_asked_at.load(std::memory_order_relaxed);
};

}  // namespace

void ReportAsks::add(const ReportAsks& other) {
  asked += other.asked;
  from_cache += other.from_cache;
  for (const ReportClient& one : other.clients) {
    const auto same = std::ranges::find(clients, one.client, &ReportClient::client);
    if (same == clients.end()) {
      clients.push_back(one);
    } else {
      same->asked += one.asked;
      same->ago = std::min(same->ago, one.ago);
    }
  }
  std::ranges::sort(clients, {}, &ReportClient::ago);
  if (clients.size() > ReportStats::clients_max) clients.resize(ReportStats::clients_max);
}

/// The owner alone changes what places stand for, and so may read that without the mutex.
void ReportStats::add(const caching::KeyHash& key, const std::string& client, http::CacheOutcome outcome,
                      SteadyTime now) {
  Set& set = sets_[set_of(key)];
  const std::size_t place = set.find(key);
  Report& report = place < set_size ? set.reports[place] : begin_report(set, key, client);
  report.asked.add();
  if (is_from_cache(outcome)) report.from_cache.add();
  report.last_asked_at.store(now, std::memory_order_relaxed);
  Client* asker = &report.clients.front();
  while (asker != &report.clients.back() && asker->name != &client) ++asker;
  if (asker->name != &client) asker = &begin_client(report, client);
  asker->asked.add();
  asker->last_asked_at.store(now, std::memory_order_relaxed);
}

ReportStats::Report& ReportStats::begin_report(Set& set, const caching::KeyHash& key,
                                               const std::string& client) {
  Report& oldest = *std::ranges::min_element(set.reports, {}, last_asked_at);  // one of none, if there is any
  const LockGuard lock(mutex_);
  begin_anew(oldest);
  oldest.clients.front().name = &client;
  set.keys[static_cast<std::size_t>(&oldest - set.reports.data())] = key;
  return oldest;
}

ReportStats::Client& ReportStats::begin_client(Report& report, const std::string& client) {
  Client& oldest = *std::ranges::min_element(report.clients, {}, last_asked_at);
  const LockGuard lock(mutex_);
  begin_anew(oldest);
  oldest.name = &client;
  return oldest;
}

std::optional<ReportAsks> ReportStats::read(const caching::KeyHash& key, SteadyTime now) const {
  const LockGuard lock(mutex_);
  const Set& set = sets_[set_of(key)];
  const std::size_t place = set.find(key);
  if (place == set_size) return std::nullopt;
  const Report& report = set.reports[place];
  ReportAsks asks{.asked = report.asked.read(), .from_cache = report.from_cache.read(), .clients = {}};
  for (const Client& client : report.clients) {
    if (client.name == nullptr || client.asked.read() == 0) continue;
    const auto ago = now - last_asked_at(client);
    asks.clients.push_back(
        {*client.name, client.asked.read(), std::chrono::duration_cast<std::chrono::milliseconds>(ago)});
  }
  std::ranges::sort(asks.clients, {}, &ReportClient::ago);
  return asks;
}

std::vector<ReportCount> ReportStats::counts() const {
  std::vector<ReportCount> counts;
  counts.reserve(reports_max);  // before the mutex, which holds the owner up
  const LockGuard lock(mutex_);
  for (const Set& set : sets_) {
    for (std::size_t i = 0; i < set_size; ++i) {
      if (const std::uint64_t asked = set.reports[i].asked.read(); asked > 0)
        counts.push_back({set.keys[i], asked});
    }
  }
  return counts;
}

}  // namespace roktcached::counters
