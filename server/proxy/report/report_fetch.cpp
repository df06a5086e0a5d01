#include "server/proxy/report/report_fetch.h"

namespace roktcached::proxy {

std::unique_ptr<FetchRequest> report_fetch(const Runtime& runtime, const CacheRequest& cache_request,
                                           caching::StoredResponsePtr stored) {
  // A coroutine moves what it is called with into its frame: half a KiB, several times on the way.
  auto fetch = std::make_unique<FetchRequest>();
  fetch->key = cache_request.key;
  fetch->route = runtime.lasting_name(*cache_request.route);
  fetch->route_class = cache_request.route->route_class;
  fetch->account_id = cache_request.account_id;
  fetch->campaign_id = cache_request.campaign_id;
  fetch->range_end = cache_request.range_end;
  fetch->upstream.credential = cache_request.credential;
  fetch->upstream.route = fetch->route;
  fetch->upstream.inject_token = cache_request.route->inject_token;
  ask_for(cache_request.key, fetch->upstream);
  fetch->stored = std::move(stored);
  fetch->policy = *cache_request.policy;
  fetch->settings_number = runtime.number;
  return fetch;
}

}  // namespace roktcached::proxy
