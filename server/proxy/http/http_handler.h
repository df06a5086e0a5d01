#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "core/caching/decision.h"
#include "core/http/cache_control.h"
#include "core/rokt/routes.h"
#include "server/http/message.h"
#include "server/proxy/fetch/recent_keys.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

/// The route, credential and account of a request.
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
  /// The entries of a target: the index of its variants, if they vary, and the response that this request
  /// selects.
  struct Selected {
    caching::StoredResponsePtr index;
    caching::StoredResponsePtr response;
    bool no_room = false;  ///< there is one, but no memory for it
  };

  boost::asio::awaitable<Selected> select(const http::Request& request, const caching::Key& target,
                                          WallTime now);
  /// The request as far as it was read; it does not outlive the request itself.
  struct Asked {
    const http::Request& request;
    const Destination& to;
    const caching::Key& target;
    const http::RequestDirectives& directives;
  };
  boost::asio::awaitable<http::Answer> fetch(Asked asked, Selected selected, http::Forward reason);
  /// Answers with the result of a fetch, in pieces or whole, or with the stored response if that may stand
  /// in.
  /// @param head  of an answer that comes in pieces
  [[nodiscard]] http::Answer answer_with_result(const Asked& asked, const Selected& selected,
                                                FetchResult result, std::optional<upstream::AnswerHead> head,
                                                http::Forward reason) const;
  [[nodiscard]] http::Answer answer_in_pieces(const Asked& asked, const Selected& selected,
                                              FetchResult result, upstream::AnswerHead head,
                                              http::Forward reason, WallTime now) const;
  [[nodiscard]] FetchRequest fetch_request(const Asked& asked, const Selected& selected) const;

  const Services& services_;
  RecentRefreshes refreshes_;
};

}  // namespace roktcached::proxy
