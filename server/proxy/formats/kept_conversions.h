#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/caching/stored_response.h"
#include "core/mutex.h"

namespace roktcached::proxy {

/// The forms that were made of stored answers, so that each is made once. A form belongs to the body that it
/// was made of: if that was replaced, or is gone, the form is not found any more. Bounded; the form that was
/// not asked for the longest goes first.
///
/// Safe from any thread. Its lock is held for a table look-up and never longer.
class KeptConversions {
 public:
  using Text = caching::BodyPtr;

  /// @param bytes_max  of all texts, and of what keeping them takes
  explicit KeptConversions(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// @param tag  of the form
  /// @return null: it is to be made
  [[nodiscard]] Text find(const caching::StoredResponse& stored, std::string_view tag);
  /// Keeps a text, unless it is larger than an eighth of the room.
  void keep(const caching::StoredResponse& stored, std::string_view tag, Text text);

  /// Lets all of them go: memory is short.
  /// @return whether there was one
  bool forget_all();

 private:
  struct Kept {
    std::uint64_t hash = 0;
    std::weak_ptr<const caching::Body> body;
    std::string tag;
    Text text;
    std::size_t bytes = 0;  // that keeping it takes
  };
  using Order = std::list<Kept>;  // the one used last is at the front

  void drop(Order::iterator kept) REQUIRES(mutex_);

  const std::size_t bytes_max_;
  Mutex mutex_;
  Order order_ GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, Order::iterator> by_hash_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace roktcached::proxy
