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
    bool being_told = false;
  };
  /// Nobody else tells of it meanwhile.
  class Telling {
   public:
    Telling(UntoldPurges& purges, std::uint64_t number);
    ~Telling();
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    [[nodiscard]] const std::string& octets() const { return octets_; }

   private:
    UntoldPurges& purges_;
    const std::uint64_t number_;
    std::string octets_;
  };

  /// @return its number; of very many: that of the one that stands for all
  std::uint64_t add(caching::Purge purge);
  /// Those of before the start.
  void add_first(const std::vector<caching::Purge>& earlier);
  /// The others have been told of this one.
  void remove(std::uint64_t number);
  /// @return the number of the first that nobody tells of; 0: there is none
  [[nodiscard]] std::uint64_t next() const;

  /// Whether any of them selects it.
  [[nodiscard]] bool selects(const caching::Subject& subject) const;
  [[nodiscard]] bool empty() const { return purges_.empty(); }
  [[nodiscard]] const std::deque<Untold>& all() const { return purges_; }

 private:
  [[nodiscard]] Untold numbered(caching::Purge purge);
  void bound();
  [[nodiscard]] Untold* find(std::uint64_t number);

  std::deque<Untold> purges_;
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
