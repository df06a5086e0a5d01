#pragma once

#include <unistd.h>

#include <cstdint>
#include <utility>

namespace roktcached {

/// Owns a file descriptor, and closes it. It stands here, though core opens none, because config, storage and
/// server all need one.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }
  void close() {
    if (number_ >= 0) ::close(release());
  }

 private:
  int number_;  // -1: none
};

/// The place of octets in an open file.
struct FilePlace {
  int descriptor = -1;  ///< of whoever owns the octets
  std::uint64_t offset = 0;
};

}  // namespace roktcached
