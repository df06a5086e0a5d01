#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "core/error.h"

namespace roktcached::upstream {

/// Asks the HTTP proxy at the other end of `socket` for a tunnel to `authority` (RFC 9110, section 9.3.6).
/// Afterwards `socket` leads there. The caller's deadline closes `socket`.
/// @param proxy  how errors call it
/// @return upstream_unreachable, naming the proxy and the status with which it refused
[[nodiscard]] boost::asio::awaitable<Result<void>> open_tunnel(boost::asio::ip::tcp::socket& socket,
                                                               std::string authority, std::string proxy);

}  // namespace roktcached::upstream
