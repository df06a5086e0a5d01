#pragma once

#include <string>

#include "core/http/message_head.h"
#include "tests/fuzz/play.h"

namespace roktcached::fuzz {

/// One message as it may come over a connection, with what another may have sent behind it.
struct WireMessage {
  http::HeadKind kind = http::HeadKind::request;
  bool answers_head = false;  ///< of a response
  std::string bytes;
};

/// A message that follows the grammar, and then, more often than not, one that was spoiled in a few places.
[[nodiscard]] WireMessage random_message(Random& random);

}  // namespace roktcached::fuzz
