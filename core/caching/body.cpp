#include "core/caching/body.h"

#include <unistd.h>

namespace roktcached::caching {

std::size_t Body::memory_size() const {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto* const text = std::get_if<std::string>(&octets_);
  if (text == nullptr) return (size() + page - 1) / page * page;
  const bool inside = text->capacity() <= std::string().capacity();
  return inside ? 0 : text->capacity() + 1;
}

const BodyPtr& no_body() {
  static const auto none = std::make_shared<const Body>();
  return none;
}

BodyPtr share_body(std::string body) {
  body.shrink_to_fit();
  return std::make_shared<const Body>(std::move(body));
}

}  // namespace roktcached::caching
