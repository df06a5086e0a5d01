#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/caching/room_behind.h"
#include "core/descriptor.h"

namespace roktcached::caching {

/// The content of an answer: octets that stand right behind it, in a string, or in a file, from where the
/// kernel sends them without copying them (sendfile(2)). Immutable, so safe from any thread.
class Body {
 public:
  Body() = default;
  /// @param octets  outlive this
  /// @param place   of the octets, where they are mapped from a file; outlives this. Null: they are not
  explicit Body(std::string_view octets, const FilePlace* place = nullptr) : octets_(octets), place_(place) {}
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  [[nodiscard]] std::string_view view() const { return octets_; }
  operator std::string_view() const { return octets_; }
  [[nodiscard]] const char* data() const { return octets_.data(); }
  [[nodiscard]] std::size_t size() const { return octets_.size(); }
  [[nodiscard]] bool empty() const { return octets_.empty(); }
  friend bool operator==(const Body& body, std::string_view octets) { return body.octets_ == octets; }
  friend bool operator==(const Body& body, const Body& other) { return body.octets_ == other.octets_; }

  /// The place of the octets in a file; null: they are in memory.
  [[nodiscard]] const FilePlace* place() const { return place_; }
  /// What the body takes in memory as it is shared, in bytes: with what counts it, and what the allocator
  /// adds.
  [[nodiscard]] std::size_t memory_size() const;

 private:
  std::string_view octets_;
  const FilePlace* place_ = nullptr;
};

using BodyPtr = std::shared_ptr<const Body>;

/// Up to here a body is shared in one allocation with its octets: to copy them costs less than one more. They
/// stay there for as long as a weak pointer does. Bytes.
constexpr std::size_t short_body_max = std::size_t{4} << 10;

/// A body of no bytes.
[[nodiscard]] const BodyPtr& no_body();

/// Shares a body, and frees what its string has reserved beyond its size: content of unknown length arrives
/// in pieces, and its string grew ahead of them.
[[nodiscard]] BodyPtr share_body(std::string body);

/// Shares a copy of `octets` right behind a body of a class of its own, whose constructor takes their size
/// and then `arguments`; it finds them by room_behind.
template <class Derived, class... Arguments>
[[nodiscard]] std::shared_ptr<const Derived> share_copy(std::string_view octets, Arguments&&... arguments) {
  auto shared = share_with_room<Derived>(octets.size(), octets.size(), std::forward<Arguments>(arguments)...);
  std::memcpy(room_behind(*shared), octets.data(), octets.size());
  return shared;
}

}  // namespace roktcached::caching
