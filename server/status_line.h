#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace roktcached {

/// The numbers of a status line.
struct StatusReadings {
  std::size_t connections = 0;
  std::uint64_t answers = 0;
  std::uint64_t upstream_requests = 0;
  std::vector<std::string> troubles = {};  ///< what a person should look at; empty: nothing
};

/// How the daemon is, in one line for `systemctl status`:
/// "Serving 3 connections; 12,480 answers for 96 upstream requests". Control characters become spaces. Pure.
[[nodiscard]] std::string status_line(const StatusReadings& readings);

}  // namespace roktcached
