#include "core/http/cache_status.h"

namespace roktcached::http {

std::string_view to_string(Forward forward) {
  switch (forward) {
    case Forward::none:
      return {};
    case Forward::bypass:
      return "bypass";
    case Forward::miss:
      return "miss";
    case Forward::request:
      return "request";
    case Forward::stale:
      return "stale";
  }
  return {};
}

std::string to_string(const CacheStatus& status) {
  std::string text;
  append(text, status);
  return text;
}

void append(std::string& text, const CacheStatus& status) {
  text += status.hit ? "roktcached; hit" : "roktcached";
  if (status.forward != Forward::none) text.append("; fwd=").append(to_string(status.forward));
  if (status.forward_status) text.append("; fwd-status=").append(std::to_string(*status.forward_status));
  if (status.stored) text += "; stored";
  if (status.ttl) text.append("; ttl=").append(std::to_string(status.ttl->count()));
  if (status.collapsed) text += "; collapsed";
  if (!status.detail.empty()) text.append("; detail=").append(status.detail);
}

}  // namespace roktcached::http
