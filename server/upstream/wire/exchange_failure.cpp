#include "server/upstream/wire/exchange_failure.h"

#include <fmt/format.h>

#include <utility>

#include "server/asio.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

namespace roktcached::upstream {

namespace {

/// Whether the connection ended, as against another failure of it.
bool is_cut_off(const boost::system::error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated;
}

}  // namespace

Error exchange_failure(ErrorCode code, std::string context, bool retryable) {
  return {
      .code = code, .retryable = retryable, .context = std::move(context), .source = ErrorSource::upstream};
}

Error larger_than(std::uint64_t max_response) {
  return exchange_failure(
      ErrorCode::upstream_invalid_response,
      fmt::format("the answer is larger than upstream.max_response = {} bytes", max_response));
}

Error nobody_waits() {
  return exchange_failure(ErrorCode::client_gone, "nobody waits for the answer any more", true);
}

Error connection_failure(const boost::system::error_code& error, const Deadline& deadline,
                         const char* doing) {
  if (deadline.expired())
    return exchange_failure(ErrorCode::upstream_timeout, fmt::format("{}: timed out", doing));
  return exchange_failure(ErrorCode::upstream_unreachable, fmt::format("{}: {}", doing, error.message()));
}

Error answer_failure(const boost::system::error_code& error, const Deadline& deadline, const char* part,
                     const char* doing) {
  if (deadline.expired()) return connection_failure(error, deadline, doing);
  const bool cut_off = is_cut_off(error);
  return exchange_failure(
      ErrorCode::upstream_invalid_response,
      fmt::format("the answer's {}: {}{}", part, cut_off ? "cut off: " : "", error.message()), cut_off);
}

}  // namespace roktcached::upstream
