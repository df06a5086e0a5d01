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

/// Purges that are done here and that the others have not been told of, in their order. Bounded: if there are
/// very many, a purge of everything takes their place. Not thread-safe.
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
  /// While it lives, this purge is being told, and no other caller tells it.
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

  /// @return its number; if there are very many: the number of the one that stands for all
  std::uint64_t add(caching::Purge purge);
  /// Adds the purges from before the start, in front.
  void add_first(const std::vector<caching::Purge>& earlier);
  /// The others have been told of this purge.
  void remove(std::uint64_t number);
  /// @return the number of the first purge that nobody is telling; 0: there is none
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

/// The note that an instance keeps in its store for its next start, beside what was purged.
struct FleetNote {
  std::string epoch;    ///< of the engine's data
  StreamPosition done;  ///< up to which purge of that epoch all are done here
  std::vector<caching::Purge> untold;
};

[[nodiscard]] std::string written(const std::string& epoch, StreamPosition done, const UntoldPurges& untold);
/// @return empty if `octets` are no note: then it is not known which purges are done
[[nodiscard]] std::optional<FleetNote> read_note(std::string_view octets);

}  // namespace roktcached::fleet
