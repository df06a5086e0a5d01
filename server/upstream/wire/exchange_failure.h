#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "server/net/deadline.h"

namespace roktcached::upstream {

/// How an exchange with the upstream failed.
[[nodiscard]] Error exchange_failure(ErrorCode code, std::string context, bool retryable = false);

/// An answer is larger than upstream.max_response, in bytes, and nobody takes it so.
[[nodiscard]] Error larger_than(std::uint64_t max_response);

/// The error of a request whose turn was abandoned, or was unattended before it was sent: client_gone. It
/// says nothing of the upstream.
[[nodiscard]] Error nobody_waits();

/// An operation on the connection failed: upstream_timeout if `deadline` has interrupted it, else
/// upstream_unreachable.
/// @param doing  what it was for
[[nodiscard]] Error connection_failure(const boost::system::error_code& error, const Deadline& deadline,
                                       const char* doing);

/// The connection failed after the answer had begun: upstream_timeout if `deadline` has interrupted it,
/// else upstream_invalid_response, retryable where the connection ended.
/// @param part   what is incomplete
/// @param doing  as above
[[nodiscard]] Error answer_failure(const boost::system::error_code& error, const Deadline& deadline,
                                   const char* part, const char* doing);

}  // namespace roktcached::upstream
