#pragma once

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstring>

#include "core/wiping_allocator.h"

namespace roktcached {

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
