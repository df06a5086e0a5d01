#pragma once

#include <cstdint>

namespace roktcached::admin {

/// The kernel's figures of this process, for the metrics that every exporter has (process_*).
struct ProcessReadings {
  double started_at_s = 0;  ///< since the Unix epoch; the same at each reading. 0: the kernel does not say
  double cpu_s = 0;         ///< user and system, of all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t max_descriptors = 0;  ///< the soft limit
};

/// Reads /proc/self, which waits for no disk. A number that the kernel does not give is 0.
[[nodiscard]] ProcessReadings read_process();

}  // namespace roktcached::admin
