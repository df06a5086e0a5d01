#include "server/proxy/prepared.h"

#include "server/proxy/compression.h"

namespace roktcached::proxy {

caching::StoredResponsePtr prepared(caching::StoredResponsePtr response, storage::BodyAccount* bodies) {
  response = with_gzip(std::move(response), bodies);
  const bool on_http_route = response->entity_tag.empty();
  if (on_http_route || !response->date.of(response->fetched_at).empty()) return response;
  caching::StoredResponse with = *response;
  with.date.make(with.fetched_at);
  return caching::share(std::move(with));
}

}  // namespace roktcached::proxy
