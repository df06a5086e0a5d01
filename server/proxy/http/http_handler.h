#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "core/caching/decision.h"
#include "core/http/cache_control.h"
#include "core/rokt/routes.h"
#include "server/http/message.h"
#include "server/proxy/fetch/recent_refreshes.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

/// Where a request goes, and whose its answer is.
struct Destination {
  const rokt::Route& route;
  std::size_t credential;
  std::string account_id;   ///< empty: the path names none
  std::string campaign_id;  ///< the same
};

/// A request on a route where RFC 9111 decides, from look-up to answer. One object a client thread.
class HttpHandler {
 public:
  explicit HttpHandler(const Services& services) : services_(services) {}

  [[nodiscard]] boost::asio::awaitable<http::Answer> answer(const http::Request& request, Destination to);

 private:
  /// What stands for a target: the index of its variants, where they vary, and what this request selects.
  struct Selected {
    caching::StoredResponsePtr index;
    caching::StoredResponsePtr response;
    bool no_room = false;  ///< there is one, but no memory for it
  };

  boost::asio::awaitable<Selected> select(const http::Request& request, const caching::Key& target,
                                          WallTime now);
  boost::asio::awaitable<http::Answer> fetch(const http::Request& request, const Destination& to,
                                             const caching::Key& target,
                                             const http::RequestDirectives& directives, Selected selected,
                                             http::Forward reason);
  [[nodiscard]] FetchRequest fetch_request(const http::Request& request, const Destination& to,
                                           const caching::Key& target, const Selected& selected,
                                           bool no_store) const;

  const Services& services_;
  RecentRefreshes refreshes_;
};

}  // namespace roktcached::proxy
