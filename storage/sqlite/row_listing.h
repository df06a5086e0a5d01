#pragma once

#include <vector>

#include "core/error.h"
#include "storage/entry_summary.h"
#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// Names entries of the cache file, see ResponseStore::list; no body is read. Without a selection they come
/// in the order of their last use, for which there is an index, rather than of their fetch.
[[nodiscard]] Result<std::vector<EntrySummary>> list_rows(Connection& connection, const Listing& wanted);

}  // namespace roktcached::storage
