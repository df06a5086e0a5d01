#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/selection.h"
#include "server/fleet/stream_position.h"

namespace roktcached::fleet {

/// Purges that are done here and that the others have not been told of, in their order. Bounded: of very many
/// all that stays is that there were some, which is a purge of everything. Not thread-safe.
class UntoldPurges {
 public:
  static constexpr std::size_t max_purges = 500;
  static constexpr std::size_t max_bytes = std::size_t{256} << 10;

  struct Untold {
    std::uint64_t number = 0;  ///< that no other has
    caching::Purge purge;
    std::string octets;  ///< as written() makes them
  };

  /// @return its number; 0: there were too many
  std::uint64_t add(caching::Purge purge);
  /// Those of before the start.
  void add_first(std::vector<caching::Purge> earlier);
  /// The others have been told of this one.
  void remove(std::uint64_t number);

  /// Whether any of them selects it.
  [[nodiscard]] bool selects(const caching::Subject& subject) const;
  [[nodiscard]] bool empty() const { return purges_.empty(); }
  /// Not empty().
  [[nodiscard]] const Untold& first() const { return purges_.front(); }
  [[nodiscard]] const std::deque<Untold>& all() const { return purges_; }

 private:
  void append(caching::Purge purge);
  /// @return whether there were too many
  bool bound();

  std::deque<Untold> purges_;
  std::size_t bytes_ = 0;  // of their octets
  std::uint64_t last_number_ = 0;
};

/// What an instance has in its store for its next start, beside what was purged.
struct FleetNote {
  std::string epoch;    ///< of the engine's data
  StreamPosition done;  ///< up to which purge of that epoch all are done here
  std::vector<caching::Purge> untold;
};

[[nodiscard]] std::string written(const std::string& epoch, StreamPosition done, const UntoldPurges& untold);
/// @return empty where it is none: nobody knows then which purges are done
[[nodiscard]] std::optional<FleetNote> read_note(std::string_view octets);

}  // namespace roktcached::fleet
