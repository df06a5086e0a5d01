#pragma once

#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/http/message_head.h"

namespace roktcached::http {

/// The way to tell where the content of a message ends (RFC 9112, section 6.3).
struct Framing {
  enum class Kind {
    none,         ///< there is no content: none was declared, its length is 0, or the message can have none
    length,       ///< after so many bytes, one at least
    chunked,      ///< where the last chunk and its trailer section end
    until_close,  ///< with the connection; a response only
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  ///< fits 63 bits
};

/// Refuses framing that leaves any doubt with invalid_request. So it does GET and HEAD with content, which
/// other readers may take for the next request (RFC 9110, sections 9.3.1 and 9.3.2).
[[nodiscard]] Result<Framing> framing_of(const RequestHead& head);

/// @param answers_head  whether this response answers a HEAD request
/// @return invalid_request for framing that leaves any doubt, and for 101: nobody asked to switch protocols
[[nodiscard]] Result<Framing> framing_of(const ResponseHead& head, bool answers_head);

/// Whether the connection may carry another message (RFC 9112, section 9.3), by version and Connection. If
/// the content ends with the connection, it may not, whatever Connection says.
[[nodiscard]] bool keeps_alive(const std::vector<FieldLine>& fields, bool http11);

}  // namespace roktcached::http
