#pragma once

#include <memory>

#include "core/caching/stored_response.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/runtime.h"

namespace roktcached::proxy {

/// The fetch of what a request on a report or metadata route asks for. Whose it is, how urgent, when it came
/// and which other fields go along is the caller's to say: as it stands, nobody asks.
/// @param stored  to be revalidated or replaced; may be null
[[nodiscard]] std::unique_ptr<FetchRequest> report_fetch(const Runtime& runtime,
                                                         const CacheRequest& cache_request,
                                                         caching::StoredResponsePtr stored);

}  // namespace roktcached::proxy
