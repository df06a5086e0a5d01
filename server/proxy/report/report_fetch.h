#pragma once

#include <memory>

#include "core/caching/stored_response.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/runtime.h"

namespace roktcached::proxy {

/// Makes the fetch for a request on a report or metadata route. As it stands, nobody asks: the caller sets
/// whose it is, how urgent, when it came and which other fields go along.
/// @param stored  to be revalidated or replaced; may be null
[[nodiscard]] std::unique_ptr<FetchRequest> report_fetch(const Runtime& runtime,
                                                         const CacheRequest& cache_request,
                                                         caching::StoredResponsePtr stored);

}  // namespace roktcached::proxy
