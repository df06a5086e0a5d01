#include "server/counters/request_stats.h"

namespace roktcached::counters {

void RequestStatsReading::add(const RequestStatsReading& other) {
  for (const auto& [kind, count] : other.requests) requests[kind] += count;
  for (std::size_t i = 0; i < durations.size(); ++i) durations[i].add(other.durations[i]);
  for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] += other.cuts[i];
  for (std::size_t i = 0; i < body_bytes.size(); ++i) body_bytes[i] += other.body_bytes[i];
}

void RequestStats::add(std::string_view route, http::CacheOutcome outcome, unsigned status,
                       std::chrono::nanoseconds took) {
  if (route.empty()) route = "-";
  const bool as_before =
      last_.counter != nullptr && last_.outcome == outcome && last_.status == status && last_.route == route;
  if (!as_before) last_ = find(route, outcome, status);
  last_.counter->add();
  durations_[static_cast<std::size_t>(outcome)].observe(took);
}

/// The owner alone changes the maps, and so may read them without the mutex.
RequestStats::Place RequestStats::find(std::string_view route, http::CacheOutcome outcome, unsigned status) {
  if (const auto kinds = routes_.find(route); kinds != routes_.end()) {
    if (const auto found = kinds->second.find({outcome, status}); found != kinds->second.end())
      return {kinds->first, outcome, status, &found->second};
  }
  const LockGuard lock(mutex_);
  const auto kinds = routes_.try_emplace(std::string(route)).first;
  return {kinds->first, outcome, status, &kinds->second[{outcome, status}]};
}

RequestStatsReading RequestStats::read() const {
  RequestStatsReading reading;
  for (std::size_t i = 0; i < durations_.size(); ++i) reading.durations[i] = durations_[i].read();
  for (std::size_t i = 0; i < cuts_.size(); ++i) reading.cuts[i] = cuts_[i].read();
  for (std::size_t i = 0; i < body_bytes_.size(); ++i) reading.body_bytes[i] = body_bytes_[i].read();
  const LockGuard lock(mutex_);
  for (const auto& [route, kinds] : routes_) {
    for (const auto& [kind, counter] : kinds)
      reading.requests[{route, kind.first, kind.second}] = counter.read();
  }
  return reading;
}

}  // namespace roktcached::counters
