#include "server/exchange/traffic.h"

namespace roktcached::exchange {

void TrafficReading::add(const TrafficReading& other) {
  for (const auto& [kind, count] : other.requests) requests[kind] += count;
  for (std::size_t i = 0; i < durations.size(); ++i) durations[i].add(other.durations[i]);
}

void Traffic::add(std::string_view route, inbound::Outcome outcome, unsigned status,
                  std::chrono::nanoseconds took) {
  counter_of(route.empty() ? "-" : route, outcome, status).add();
  durations_[static_cast<std::size_t>(outcome)].observe(took);
}

Counter& Traffic::counter_of(std::string_view route, inbound::Outcome outcome, unsigned status) {
  if (const auto kinds = routes_.find(route); kinds != routes_.end()) {
    if (const auto found = kinds->second.find({outcome, status}); found != kinds->second.end())
      return found->second;
  }
  const std::lock_guard lock(mutex_);
  return routes_[std::string(route)][{outcome, status}];
}

TrafficReading Traffic::read() const {
  TrafficReading reading;
  for (std::size_t i = 0; i < durations_.size(); ++i) reading.durations[i] = durations_[i].read();
  const std::lock_guard lock(mutex_);
  for (const auto& [route, kinds] : routes_) {
    for (const auto& [kind, counter] : kinds)
      reading.requests[{route, kind.first, kind.second}] = counter.read();
  }
  return reading;
}

}  // namespace roktcached::exchange
