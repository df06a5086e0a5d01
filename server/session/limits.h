#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "server/access/caller.h"

namespace roktcached::session {

/// The limits that a connection sets its client.
struct Limits {
  std::uint64_t number = 0;  ///< of the settings that they are of: another with each reload
  std::chrono::milliseconds head_timeout{10'000};    ///< from the first byte of a head to its last
  std::chrono::milliseconds body_timeout{10'000};    ///< for the whole content
  std::chrono::milliseconds idle_timeout{60'000};    ///< between two requests
  std::chrono::milliseconds write_timeout{120'000};  ///< in which a client must take something of its answer
  std::uint64_t min_write_rate = 1024;               ///< bytes a second, on average over that; 0: any
  std::uint32_t max_head = 16 * 1024;                ///< bytes of request line and fields
  std::uint64_t max_body = 64 * 1024;                ///< bytes of content
  /// Host values served, without port, lower case; empty: any.
  std::vector<std::string> allowed_hosts;
  std::vector<access::OwnId> own_ids;
  /// Origins whose pages may read answers, in lower case (CORS); none: no page of another origin may.
  std::vector<std::string> allowed_origins;
};

}  // namespace roktcached::session
