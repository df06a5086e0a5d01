#pragma once

#include <cstdint>

#include "core/caching/stored_response.h"

namespace roktcached::storage {

/// Over all of `response` that would be served: what a row's column `checksum` has, see row.h. What it comes
/// to for the same response never changes, or no row that was written before would be read any more.
[[nodiscard]] std::int64_t checksum_of(const caching::StoredResponse& response);

}  // namespace roktcached::storage
