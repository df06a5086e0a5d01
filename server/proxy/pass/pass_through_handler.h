#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/rokt/routes.h"
#include "server/http/message.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

/// A request on a route that is not cached: it goes upstream, and the answer comes back, in pieces where it
/// is large or of unknown length. One object a client thread.
class PassThroughHandler {
 public:
  explicit PassThroughHandler(const Services& services) : services_(services) {}

  [[nodiscard]] boost::asio::awaitable<http::Answer> answer(const http::Request& request,
                                                            const rokt::Route& route, std::size_t credential);

 private:
  const Services& services_;
};

}  // namespace roktcached::proxy
