#pragma once

#include "core/caching/stored_response.h"
#include "storage/body_account.h"

namespace roktcached::proxy {

/// `response` with what its answers have in common, made once, when it is fetched or read from the cache
/// file: its gzip form, see with_gzip, and Date. On http routes it is `response` itself: what is sent there
/// is the upstream's. Not for a client thread, where the content is long enough to be compressed.
/// @param bodies  see with_gzip
[[nodiscard]] caching::StoredResponsePtr prepared(caching::StoredResponsePtr response,
                                                  storage::BodyAccount* bodies = nullptr);

}  // namespace roktcached::proxy
