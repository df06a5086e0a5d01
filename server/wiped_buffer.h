#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <cstring>

namespace roktcached {

/// A buffer for what comes over a connection that carries secrets: none of it is left behind in memory.
class WipedBuffer : public boost::beast::flat_buffer {
 public:
  WipedBuffer() = default;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer() {
    if (capacity() == 0) return;
    clear();
    const auto all = prepare(capacity());
    explicit_bzero(all.data(), all.size());
  }
};

}  // namespace roktcached
