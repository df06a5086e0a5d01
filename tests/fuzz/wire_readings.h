#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/wire_messages.h"

namespace roktcached::fuzz {

/// A message as somebody understood it.
struct Reading {
  std::string method;
  std::string target;
  unsigned status = 0;
  bool http11 = true;
  std::vector<std::pair<std::string, std::string>> fields;  ///< in order
  std::string content;
  bool keeps_alive = true;
  std::size_t size = 0;  ///< of the message in the bytes; what follows is another

  bool operator==(const Reading&) const = default;
};

struct CacheOutcome {
  std::optional<Reading> reading;  ///< nothing without a `refused`: the message is not whole
  std::optional<std::string> refused;

  bool operator==(const CacheOutcome&) const = default;
};

/// Our reading of the bytes, with the gates and Boost.Beast as in the daemon, in pieces of at most `piece`
/// bytes.
[[nodiscard]] CacheOutcome our_reading(const WireMessage& message, std::size_t piece, Random& random);

[[nodiscard]] std::string to_text(const CacheOutcome& outcome);

}  // namespace roktcached::fuzz
