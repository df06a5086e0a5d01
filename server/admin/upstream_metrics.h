#pragma once

#include <vector>

#include "server/admin/metric_family.h"
#include "server/admin/metrics.h"
#include "server/upstream/upstream_client.h"

namespace roktcached::admin {

/// Adds what there is to count and to measure on the way to the upstream: attempts, circuit, budgets, tokens.
/// @param routes  that there are; each that goes upstream has its numbers from the start
void add_upstream(Families& families, const upstream::UpstreamStatus& status,
                  const std::vector<MetricRoute>& routes);

}  // namespace roktcached::admin
