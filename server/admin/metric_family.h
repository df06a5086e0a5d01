#pragma once

#include <prometheus/metric_family.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "server/counters/counter.h"

namespace roktcached::admin {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// Metrics of one name. The numbers are counted elsewhere and only shown here, so the library's own counters,
/// which would count a second time, are not used.
class Family {
 public:
  Family(prometheus::MetricType type, std::string name, std::string help)
      : family_{std::move(name), std::move(help), type, {}} {}

  Family& add(Labels labels, double value) {
    prometheus::ClientMetric& metric = append(std::move(labels));
    (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    return *this;
  }
  /// Exact up to 2^53, as every number is that Prometheus keeps.
  Family& add(Labels labels, std::uint64_t value) {
    return add(std::move(labels), static_cast<double>(value));
  }
  Family& add(Labels labels, WallTime time) {
    return add(std::move(labels), std::chrono::duration<double>(time.time_since_epoch()).count());
  }
  Family& add(Labels labels, const Histogram::Reading& reading) {
    prometheus::ClientMetric::Histogram& histogram = append(std::move(labels)).histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < Histogram::bounds.size(); ++i) {
      cumulative += reading.counts[i];
      histogram.bucket.push_back({cumulative, std::chrono::duration<double>(Histogram::bounds[i]).count()});
    }
    histogram.sample_count = reading.count();
    histogram.sample_sum = std::chrono::duration<double>(reading.sum).count();
    return *this;
  }

  [[nodiscard]] prometheus::MetricFamily take() { return std::move(family_); }

 private:
  prometheus::ClientMetric& append(Labels labels) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  prometheus::MetricFamily family_;
};

using Families = std::vector<prometheus::MetricFamily>;

/// @param name  without "roktcached_"
inline Family counter(std::string_view name, std::string help) {
  return {prometheus::MetricType::Counter, std::string("roktcached_").append(name), std::move(help)};
}
inline Family gauge(std::string_view name, std::string help) {
  return {prometheus::MetricType::Gauge, std::string("roktcached_").append(name), std::move(help)};
}
inline Family histogram(std::string_view name, std::string help) {
  return {prometheus::MetricType::Histogram, std::string("roktcached_").append(name), std::move(help)};
}

}  // namespace roktcached::admin
