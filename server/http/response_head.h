#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/http/message_head.h"
#include "server/http/message_parser.h"

namespace roktcached::http {

/// Reads the head of a response from a growing buffer. Most heads are whole at the first look: those Beast
/// judges octet by octet, and HeadScan only where Beast refuses one. What HeadScan lets pass is the same.
///
/// @param bytes         everything since the head's first byte
/// @param scan          a new one for each head; the limits are its
/// @param answers_head  whether the response answers a HEAD request
/// @param message       gets the parser of the content
/// @param head          gets views into `bytes` and `message`
/// @return the size of the head; 0: more is needed; invalid_request, or fields_too_large beyond the limits
[[nodiscard]] Result<std::size_t> read_response_head(std::string_view bytes, HeadScan& scan,
                                                     bool answers_head,
                                                     std::optional<ResponseParser>& message,
                                                     ResponseHead& head);

}  // namespace roktcached::http
