#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/settings.h"

namespace roktcached {

/// How the descriptors that the process may open are shared out. Clients get what the reserve leaves. So the
/// admin and health listeners, the cache file, the log and the upstream always have enough.
struct DescriptorBudget {
  /// Each client connection may have an answer streamed to it over an upstream connection that does not count
  /// to upstream.max_connections.
  static constexpr std::uint64_t of_one_client = 2;
  /// There are at least so many client connections, even if the limit leaves no room for them.
  static constexpr std::uint64_t min_clients = 8;

  std::uint64_t reserve = 0;  ///< for everything but clients

  /// Enough for so many client connections.
  [[nodiscard]] std::uint64_t needed(std::uint64_t clients) const {
    return reserve + of_one_client * clients;
  }
  /// How many client connections `limit` leaves room for.
  [[nodiscard]] std::uint64_t clients_within(std::uint64_t limit) const;
};

/// Pure, but for the number of the machine's cores.
[[nodiscard]] DescriptorBudget descriptor_budget(const config::Settings& settings);

/// Lowers listen.max_connections to what `limit` leaves room for.
/// @param limit  of open files
/// @return a line that says so, if it was more
[[nodiscard]] std::optional<std::string> bound_connections(config::Settings& settings, std::uint64_t limit);

}  // namespace roktcached
