#pragma once

#include <string>

#include "core/http/fields.h"

namespace roktcached::session {

/// Appends the request's X-Request-Id where it has exactly one of 1 to 128 characters out of
/// `A-Za-z0-9._~:/+=@-`, else a new one of 32 hex digits. Safe from any thread.
void append_request_id(std::string& to, const http::Fields& request);

}  // namespace roktcached::session
