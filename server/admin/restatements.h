#pragma once

#include <string>
#include <vector>

#include "storage/entry_summary.h"

namespace roktcached::admin {

/// {"restatements":[...]}, one object an entry whose numbers have changed after they had been given out: the
/// last change, and what it moved from what to what. Times in milliseconds since the Unix epoch.
[[nodiscard]] std::string restatements_json(const std::vector<storage::EntrySummary>& entries);

}  // namespace roktcached::admin
