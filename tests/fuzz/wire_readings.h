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
  std::string reason;
  bool http11 = true;
  std::vector<std::pair<std::string, std::string>> fields;  ///< by name without case, else in order
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

/// Our reading of the bytes, in pieces of at most `piece` bytes.
[[nodiscard]] CacheOutcome our_reading(const WireMessage& message, std::size_t piece, Random& random);

/// Beast's reading of them. What it would do wrong with them by itself, and we know of, is put right here.
[[nodiscard]] CacheOutcome beast_reading(const WireMessage& message);

/// Beast refuses the whole message; for us such a list has no option that we know.
inline constexpr const char* rule_of_connection_lists =
    "Connection is no list of tokens (RFC 9110, section 7.6.1)";
/// Beast lets keep-alive win.
inline constexpr const char* rule_of_close_in_http10 =
    "close and keep-alive in HTTP/1.0 (RFC 9112, section 9.3)";

/// The rule that Beast 1.81 is known to break on what we took; nullptr: none, and it must read the same.
[[nodiscard]] const char* rule_that_beast_breaks(const Reading& ours);

[[nodiscard]] std::string to_text(const CacheOutcome& outcome);

}  // namespace roktcached::fuzz
