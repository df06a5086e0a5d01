#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.h"
#include "server/http/message.h"

namespace roktcached::http {

/// The usual words for a status; empty for a status that has none (RFC 9112, section 4).
[[nodiscard]] std::string_view reason_of(unsigned status);

/// Appends "HTTP/1.1 STATUS REASON\r\n".
/// @param status  of three digits
void append_status_line(std::string& head, unsigned status);

/// Appends "NAME: NUMBER\r\n".
void append_field(std::string& head, std::string_view name, std::uint64_t number);

/// Whether an answer says when it was made.
[[nodiscard]] bool has_date(const Answer& answer);

/// Appends "Date: ...\r\n" (RFC 9110, section 6.6.1).
void append_date(std::string& head, WallTime now);

}  // namespace roktcached::http
