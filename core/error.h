#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace roktcached {

/// The kind of an error, in terms that a caller can act on. "Not found" is never an error: it is an empty
/// value.
enum class ErrorCode {
  // The client's request.
  invalid_request,
  unauthenticated,
  invalid_token,  ///< the same, to a client that has shown a bearer token (RFC 6750, section 3.1)
  forbidden,
  account_not_allowed,  ///< no credential, or not this caller, may read the account
  unsupported_media_type,
  unknown_route,
  method_not_allowed,
  not_acceptable,  ///< the answer has not the form that is asked for (RFC 9110, section 15.5.7)
  content_too_large,
  target_too_long,
  fields_too_large,
  unknown_host,
  request_timeout,
  expectation_failed,
  client_quota_exceeded,  ///< the client's own rate
  loop_detected,          ///< this proxy has seen it before (RFC 5842, section 7.2)
  client_gone,            ///< it waits for the answer no more
  not_in_cache,           ///< only-if-cached and nothing usable (RFC 9111, section 5.2.1.7)
  // The way to the upstream.
  upstream_unreachable,
  upstream_invalid_response,
  upstream_timeout,
  token_unavailable,
  upstream_budget_exhausted,  ///< no request may go in time under the shared rate limit
  overloaded,
  handed_over,  ///< another process serves in the place of this one
  // The cache's own storage.
  storage_unavailable,
  storage_corrupt,
  storage_outdated,  ///< sound, but of an earlier version whose entries are of no use any more
  storage_full,
  storage_in_use,
  storage_locked,  ///< another program holds a lock on the cache file, for a while
  // Start-up.
  configuration,
  unavailable,  ///< something outside is not available: an address, a port
  internal,
};

/// Where an error arose, as far as an answer depends on it.
enum class ErrorSource {
  proxy,
  admin,     ///< in the admin API, which has its own way to authenticate
  upstream,  ///< on the way to the upstream: a write may have been done there
};

/// The one error type of the project: expected failures travel as Result<T>; exceptions are for start-up and
/// bugs.
struct Error {
  ErrorCode code = ErrorCode::internal;
  bool retryable = false;  ///< the same call may succeed later without anyone changing anything
  std::string context;     ///< one line for a person; never holds a secret
  ErrorSource source = ErrorSource::proxy;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Found by boost::system::result::value() when it is called on an error, which is a bug.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.context);
}

}  // namespace roktcached
