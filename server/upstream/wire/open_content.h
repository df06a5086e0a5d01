#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "core/error.h"
#include "server/upstream/limit/turn.h"
#include "server/upstream/upstream.h"

namespace roktcached::upstream {

/// Makes the content of an answer ready to be handed over: undoes its gzip, and waits for the beginning of
/// large content.
/// @param response      in: an answer; out: the same, or why its content cannot be had
/// @param coded         gzip was asked for on our own account, and the answer has a Content-Encoding
/// @param takes_large   as UpstreamRequest::takes_large
/// @param max_response  in bytes
/// @param helpers       where much is inflated, on another thread
/// @param turn          outlives the wait, which ends where nobody waits for the request any more
boost::asio::awaitable<void> open_content(Result<UpstreamResponse>& response, bool coded, bool takes_large,
                                          std::uint64_t max_response, boost::asio::any_io_executor helpers,
                                          Turn& turn);

}  // namespace roktcached::upstream
