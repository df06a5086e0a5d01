#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <cstring>
#include <memory>

namespace roktcached {

/// Memory for what carries secrets: none of it is left behind.
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

/// A buffer for what comes over a connection that carries secrets.
class WipedBuffer : public boost::beast::basic_flat_buffer<WipingAllocator<char>> {
 public:
  void commit(std::size_t size) {
    basic_flat_buffer::commit(size);
    written_ += size;
  }
  /// Empties it, leaves nothing in its memory, and keeps that.
  void wipe() {
    clear();
    if (written_ > 0) explicit_bzero(prepare(0).data(), std::min(written_, capacity()));
    written_ = 0;
  }

 private:
  std::size_t written_ = 0;  // since it was wiped
};

}  // namespace roktcached
