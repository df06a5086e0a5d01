#include "core/caching/stored_response.h"

#include <algorithm>
#include <array>

namespace roktcached::caching {

namespace {

bool is_ours(std::string_view name) {
  static constexpr std::array<std::string_view, 13> names = {
      "Content-Length", "Date",   "ETag",         "Age",          "Cache-Control",
      "Expires",        "Pragma", "Cache-Status", "Proxy-Status", "X-Request-Id",
      "Report-State",   "Vary",   "Set-Cookie"};
  return std::ranges::any_of(names,
                             [name](std::string_view ours) { return http::equal_ignoring_case(ours, name); });
}

}  // namespace

std::size_t StoredResponse::memory_size() const {
  return sizeof(StoredResponse) + key.text().size() + route.size() + account_id.size() + campaign_id.size() +
         head.size() + body->size() + (gzip_body ? gzip_body->size() : 0) + entity_tag.size() +
         validator.size() + (restated ? sizeof(Restated) + restated->moved.size() : 0);
}

http::Fields end_to_end_fields(const http::Fields& upstream) {
  http::Fields kept;
  for (const auto& field : upstream.all()) {
    const bool dropped = is_ours(field.name) || http::is_hop_by_hop(field.name) ||
                         http::nominated_by_connection(upstream, field.name);
    if (!dropped) kept.add(field.name, field.value);
  }
  return kept;
}

}  // namespace roktcached::caching
