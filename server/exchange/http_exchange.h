#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "core/caching/decision.h"
#include "core/http/cache_control.h"
#include "core/rokt/routes.h"
#include "server/exchange/recent_refreshes.h"
#include "server/exchange/services.h"
#include "server/inbound/message.h"

namespace roktcached::exchange {

/// Where a request goes, and whose its answer is.
struct Destination {
  const rokt::Route& route;
  std::size_t credential;
  std::string account_id;   ///< empty: the path names none
  std::string campaign_id;  ///< the same
};

/// A request on a route where RFC 9111 decides, from look-up to answer. One object a hit thread.
class HttpExchange {
 public:
  explicit HttpExchange(const Services& services) : services_(services) {}

  [[nodiscard]] boost::asio::awaitable<inbound::Answer> answer(const inbound::Request& request,
                                                               Destination to);

 private:
  /// What stands for a target: the index of its variants, where they vary, and what this request selects.
  struct Selected {
    caching::StoredResponsePtr index;
    caching::StoredResponsePtr response;
    bool no_room = false;  ///< there is one, but no memory for it
  };

  boost::asio::awaitable<Selected> select(const inbound::Request& request, const caching::Key& target,
                                          WallTime now);
  boost::asio::awaitable<inbound::Answer> fetch(const inbound::Request& request, const Destination& to,
                                                const caching::Key& target,
                                                const http::RequestDirectives& directives, Selected selected,
                                                http::Forward reason);
  [[nodiscard]] FetchRequest fetch_request(const inbound::Request& request, const Destination& to,
                                           const caching::Key& target, const Selected& selected,
                                           bool no_store) const;

  const Services& services_;
  RecentRefreshes refreshes_;
};

}  // namespace roktcached::exchange
