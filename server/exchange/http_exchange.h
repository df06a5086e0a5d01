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
  };

  boost::asio::awaitable<Selected> select(const inbound::Request& request, const caching::Key& target,
                                          WallTime now);
  /// A fetch as the client's side sees it: either it has ended, or its answer has begun to come.
  struct Fetched {
    std::shared_ptr<const Landing> landing;
    std::shared_ptr<upstream::AnswerStream> stream;
    std::optional<upstream::AnswerHead> head;  ///< set where the answer comes in pieces
  };

  boost::asio::awaitable<Fetched> start_fetch(const inbound::Request& request, FetchRequest to_fetch,
                                              Flights::Sharing sharing);
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
