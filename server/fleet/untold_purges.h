#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "core/caching/selection.h"

namespace roktcached::fleet {

/// Purges that this instance has done, and of which the fleet has not been told yet: what the others have
/// fetched before is in the engine all the same, and is not to come back from there. Bounded. Not
/// thread-safe.
class UntoldPurges {
 public:
  static constexpr std::size_t max_purges = 500;

  /// @return names it for remove()
  std::uint64_t add(caching::Purge purge);
  /// The fleet has been told of it. Of one that is not here any more nothing becomes.
  void remove(std::uint64_t number);

  [[nodiscard]] bool empty() const { return purges_.empty(); }
  /// The one to tell of next, and its number. @pre !empty()
  [[nodiscard]] const std::pair<std::uint64_t, caching::Purge>& first() const { return purges_.front(); }
  /// Whether one of them selects it: then nothing that another instance has fetched may be used.
  [[nodiscard]] bool match(const caching::Subject& subject) const;

  /// All of them as lines of text, each after a newline.
  [[nodiscard]] std::string text() const;
  /// Adds those that text() has written. What cannot be read may have selected anything.
  void add_from(std::string_view text);

 private:
  std::deque<std::pair<std::uint64_t, caching::Purge>> purges_;
  std::uint64_t last_number_ = 0;
};

}  // namespace roktcached::fleet
