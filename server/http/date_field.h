#pragma once

#include <string>

#include "core/time.h"
#include "server/http/message.h"

namespace roktcached::http {

/// Whether an answer says when it was made.
[[nodiscard]] bool has_date(const Answer& answer);

/// Appends "Date: ...\r\n" (RFC 9110, section 6.6.1).
void append_date(std::string& head, WallTime now);

}  // namespace roktcached::http
