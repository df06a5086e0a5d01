#pragma once

#include <cstdint>

#include "core/caching/stored_response.h"

namespace roktcached::storage {

/// The checksum over all of `response` that would be served, as a row's column `checksum` has it, see row.h.
/// For the same response it never changes, or no row that was written before would be read any more.
[[nodiscard]] std::int64_t checksum_of(const caching::StoredResponse& response);

}  // namespace roktcached::storage
