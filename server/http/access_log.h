#pragma once

#include "server/http/message.h"

namespace roktcached::http {

/// Logs one line about one request: who asked for which route; what became of it, and why; how much of its
/// answer went out, and why no more; why it was not stored; how long the upstream took. Never its target or
/// fields: those may carry secrets. Safe from any thread.
/// @param route  its name; empty: none
void log_access(const Request& request, const Answer& answer, const Written& written,
                std::string_view route) noexcept;

}  // namespace roktcached::http
