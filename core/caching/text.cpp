#include "core/caching/text.h"

#include <limits>
#include <stdexcept>

namespace roktcached::caching {

char* Text::owned_copy(std::string_view text) {
  if (text.empty()) return nullptr;
  if (text.size() > std::numeric_limits<Size>::max()) throw std::length_error("a text of 4 GiB");
  const auto size = static_cast<Size>(text.size());
  char* const bytes = new char[sizeof size + text.size()];
  std::memcpy(bytes, &size, sizeof size);
  std::memcpy(bytes + sizeof size, text.data(), text.size());
  return bytes;
}

char* Text::move_to(char* place) {
  if (bytes_ == nullptr) return place;
  const std::size_t taken = room();
  std::memcpy(place, start(), sizeof(Size) + size());
  *this = Text();
  bytes_ = place + 1;
  return place + taken;
}

}  // namespace roktcached::caching
