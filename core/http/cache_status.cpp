#include "core/http/cache_status.h"

#include <array>

namespace roktcached::http {

std::string_view to_string(Forward forward) {
  static constexpr std::array<std::string_view, 5> names = {"", "bypass", "miss", "request", "stale"};
  return names[static_cast<std::size_t>(forward)];
}

std::string to_string(const CacheStatus& status) {
  std::string text;
  append(text, status);
  return text;
}

void append(std::string& text, const CacheStatus& status) {
  text += status.hit ? std::string_view("roktcached; hit") : std::string_view("roktcached");
  if (status.forward != Forward::none) text.append("; fwd=").append(to_string(status.forward));
  if (status.forward_status) text.append("; fwd-status=").append(std::to_string(*status.forward_status));
  if (status.stored) text += "; stored";
  if (status.ttl) text.append("; ttl=").append(std::to_string(status.ttl->count()));
  if (status.collapsed) text += "; collapsed";
  if (!status.detail.empty()) text.append("; detail=").append(status.detail);
}

}  // namespace roktcached::http
