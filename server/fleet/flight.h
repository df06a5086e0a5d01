#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>

#include "core/caching/key.h"
#include "server/fleet/crew.h"
#include "server/fleet/stream_position.h"
#include "server/upstream/limit/turn.h"

namespace roktcached::fleet {

/// An answer as the engine or the log has it.
struct SealedAnswer {
  std::string fence = {};
  std::string fetched = {};  ///< when, ms
  std::string fresh = {};    ///< until then, ms; of one that is not stored: why not
  std::string begun = {};    ///< the last purge when its fetch began
  std::string text = {};
};

/// A key that this instance fetches for the fleet, or waits for. Belongs to the upstream thread.
struct Flight {
  Flight(const Crew& its_crew, const caching::Key& key, upstream::Turn& its_turn)
      : crew(its_crew),
        name(its_crew.names.of(key.text())),
        entry_key(its_crew.prefix + "e:" + name),
        flight_key(its_crew.prefix + "f:" + name),
        turn(its_turn) {}

  /// What an answer is bound to: it is no other key's, nor of another time.
  [[nodiscard]] std::string bound(std::string_view kind, const SealedAnswer& answer) const {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}", kind, crew.prefix, name, answer.fence, answer.fetched,
                       answer.fresh, answer.begun);
  }

  const Crew& crew;
  const std::string name;
  const std::string entry_key;
  const std::string flight_key;
  upstream::Turn& turn;  ///< until it has ended
  std::string fence;     ///< empty: it is flown alone
  StreamPosition begun;  ///< the last purge that was known when it began
  bool has_ended = false;
  bool adopting = false;
};

/// The kinds of what the log tells of a flight.
namespace told {
inline constexpr std::string_view landed = "landed";      ///< the answer is stored, or comes along
inline constexpr std::string_view answered = "answered";  ///< the answer comes along, and is not stored
inline constexpr std::string_view failed = "failed";      ///< the failure comes along
inline constexpr std::string_view ended = "ended";        ///< whoever waits has to look again
}  // namespace told

inline constexpr std::chrono::milliseconds flight_lease{2000};

}  // namespace roktcached::fleet
