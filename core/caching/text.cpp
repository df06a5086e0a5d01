#include "core/caching/text.h"

#include <limits>
#include <stdexcept>

namespace roktcached::caching {

/// @param bytes  has room for it @return the first byte behind it
char* Text::write(char* bytes, std::string_view text) {
  const auto size = static_cast<Size>(text.size());
  std::memcpy(bytes, &size, sizeof size);
  std::memcpy(bytes + sizeof size, text.data(), text.size());
  return bytes + sizeof size + text.size();
}

char* Text::owned_copy(std::string_view text) {
  if (text.empty()) return nullptr;
  if (text.size() > std::numeric_limits<Size>::max()) throw std::length_error("a text of 4 GiB");
  char* const bytes = new char[sizeof(Size) + text.size()];
  write(bytes, text);
  return bytes;
}

char* Text::write_to(char* place, std::string_view text) {
  if (text.size() > std::numeric_limits<Size>::max()) throw std::length_error("a text of 4 GiB");
  const std::size_t taken = room_for(text);
  if (taken > 0) write(place, text);  // before this one's bytes go, which `text` may be a view into
  clear();
  if (taken > 0) bytes_ = place + 1;
  return place + taken;
}

char* Text::move_to(char* place) {
  return write_to(place, view());
}

}  // namespace roktcached::caching
