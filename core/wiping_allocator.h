#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace roktcached {

/// Memory for what may carry secrets: none of it is left behind.
template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <class U>
  explicit WipingAllocator(const WipingAllocator<U>&) {}

  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) {
    explicit_bzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// A string that wipes its memory when it outgrows it, and at its end. Texts of a few bytes, which are in the
/// object itself, are not wiped.
using WipedString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// Appends, and leaves nothing behind where `text` outgrows its memory: there may be a secret in it.
inline void append_wiping(std::string& text, std::string_view more) {
  const std::size_t size = text.size() + more.size();
  if (size > text.capacity()) {
    std::string larger;
    larger.reserve(std::max(size, 2 * text.capacity()));
    larger.append(text);
    explicit_bzero(text.data(), text.size());
    text.swap(larger);
  }
  text.append(more);
}

}  // namespace roktcached
