#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/rokt/routes.h"
#include "server/exchange/services.h"
#include "server/inbound/message.h"

namespace roktcached::exchange {

/// A request on a route that is not cached: it goes upstream, and the answer comes back, in pieces where it
/// is large or of unknown length. One object a hit thread.
class PassExchange {
 public:
  explicit PassExchange(const Services& services) : services_(services) {}

  [[nodiscard]] boost::asio::awaitable<inbound::Answer> answer(const inbound::Request& request,
                                                               const rokt::Route& route,
                                                               std::size_t credential);

 private:
  const Services& services_;
};

}  // namespace roktcached::exchange
