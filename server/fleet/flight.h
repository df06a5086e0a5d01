#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/fleet/fleet_flights.h"

namespace roktcached::fleet {

/// The kinds of events by which a flight ends in the log: an entry, an answer that is not stored, why there
/// is none, or nothing.
inline constexpr std::string_view landed = "landed";
inline constexpr std::string_view answered = "answered";
inline constexpr std::string_view failed = "failed";
inline constexpr std::string_view ended = "ended";

/// A key that this instance fetches, or waits for.
struct FleetFlights::Flight {
  Flight(const Crew& its_crew, const proxy::FetchRequest& request, upstream::Turn& its_turn)
      : crew(its_crew),
        name(its_crew.names.of(request.key.text())),
        entry_key(its_crew.prefix + "e:" + name),
        flight_key(its_crew.prefix + "f:" + name),
        turn(its_turn),
        later_than(request.stored ? request.stored->fetched_at : WallTime{}) {}

  /// An answer that was fetched then will not do, but a newer one may.
  void refuse(std::string_view fetched_ms) {
    std::int64_t ms = 0;
    std::from_chars(fetched_ms.data(), fetched_ms.data() + fetched_ms.size(), ms);
    later_than = std::max(later_than, wall_time_from_unix_ms(ms));
  }

  /// The text that a sealed answer is bound to, so that it opens for no other key and no other time.
  [[nodiscard]] std::string bound(std::string_view kind, const Sealed& sealed) const {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}", kind, crew.prefix, name, sealed.fence, sealed.fetched,
                       sealed.fresh, sealed.begun);
  }

  const Crew& crew;
  const std::string name;
  const std::string entry_key;
  const std::string flight_key;
  upstream::Turn& turn;   // until it has ended
  WallTime later_than;    // what was fetched until then is not taken
  WallTime fetched_from;  // this instance began to fetch then
  std::string fence;      // empty: it is flown alone
  StreamPosition begun;
  bool has_ended = false;
  bool adopting = false;
};

}  // namespace roktcached::fleet
