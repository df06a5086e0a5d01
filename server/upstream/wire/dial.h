#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "server/upstream/limit/turn.h"

namespace roktcached::upstream {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// The order in which addresses are tried: the families in turn, beginning with the first one's, and within a
/// family as they came (RFC 8305, section 4).
[[nodiscard]] Endpoints alternating(const Endpoints& endpoints);

/// How long the first address is tried alone (RFC 8305, section 5).
inline constexpr std::chrono::milliseconds head_start{250};

/// Connects to whichever of `endpoints` answers first. The next one is tried beside those under way after
/// head_start, and at once when one fails, so that an address that swallows packets costs no more than that.
/// The others are given up when one has won.
/// @param executor  of one thread
/// @param turn      outlives the wait, which ends where nobody waits for the request any more; may be null
/// @return upstream_unreachable if all have failed, with the last reason; upstream_timeout at `due`;
///         client_gone
[[nodiscard]] boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial(
    boost::asio::any_io_executor executor, Endpoints endpoints, SteadyTime due, Turn* turn = nullptr);

}  // namespace roktcached::upstream
