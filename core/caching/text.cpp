#include "core/caching/text.h"

#include <limits>
#include <new>
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
  char* const memory = new char[sizeof(Holders) + sizeof(Size) + text.size()];
  new (memory) Holders(1);
  char* const bytes = memory + sizeof(Holders);
  write(bytes, text);
  return bytes;
}

/// @pre owns()
Text::Holders& Text::holders() const {
  return *std::launder(reinterpret_cast<Holders*>(bytes_ - sizeof(Holders)));
}

/// @pre owns() @return the same bytes, for one text more
char* Text::hold() const {
  holders().fetch_add(1, std::memory_order_relaxed);
  return bytes_;
}

/// @pre owns()
void Text::let_go() noexcept {
  const bool last = holders().load(std::memory_order_acquire) == 1 ||
                    holders().fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (last) delete[](bytes_ - sizeof(Holders));
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
