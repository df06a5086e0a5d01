#include "server/proxy/fetch/http_sharing.h"

#include <algorithm>

#include "core/caching/http_rules.h"
#include "core/caching/variants.h"
#include "core/http/cache_control.h"
#include "server/proxy/http/http_fetch_outcome.h"

namespace roktcached::proxy {

void HttpSharing::head_is_known(Fetch& fetch, const FetchRequest& request) const {
  const FetchOutcome outcome = judge_http_head(request, *fetch.growing->head(), clock_.wall_now());
  fetch.head_known = true;
  if (outcome.stored() && !updater_.ended_since(request, fetch.started_at)) {
    fetch.head = outcome.to_store.front();
    if (outcome.to_store.size() > 1) fetch.index = outcome.to_store.back();
  }
  for (FetchWaiter* const waiter : fetch.waiters) {
    waiter->reader = reader_for(fetch, waiter->request);
    waiter->call();
  }
}

GrowingAnswer::ReaderPtr HttpSharing::reader_for(const Fetch& fetch, const FetchRequest& request) const {
  if (!fetch.head || updater_.ended_since(request, fetch.started_at)) return nullptr;
  const http::Fields& fields = request.http->client;
  const auto decision =
      caching::decide_http(fetch.head.get(), http::parse_request_directives(fields), clock_.wall_now());
  if (decision.action != caching::Action::use) return nullptr;
  if (fetch.index) {
    const auto keys = caching::VariantIndex(*fetch.index).keys_for(request.key, fields);
    if (std::ranges::find(keys, fetch.head->key) == keys.end()) return nullptr;
  }
  return fetch.growing->attach();
}

void HttpSharing::note(const FetchRequest& request, const FetchOutcome& outcome) {
  if (outcome.stored()) return unshared_.remove(request.key.hash());
  const bool tells = request.http->method == "GET" && !request.http->no_store && !outcome.failure;
  if (tells && !request.http->range_forwarded) unshared_.add(request.key.hash(), clock_.steady_now());
}

}  // namespace roktcached::proxy
