#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/fields.h"
#include "core/time.h"
#include "server/counters/upstream_stats.h"
#include "server/upstream/growing_answer.h"
#include "server/upstream/limit/fair_queue.h"
#include "server/upstream/limit/turn.h"
#include "server/upstream/wire/large_content.h"
#include "storage/body_account.h"

namespace roktcached::upstream {

/// A request as it goes to the upstream. Host is written by the upstream client, and Authorization where the
/// token is injected; neither comes from a client then. The upstream client appends this proxy to Via.
struct UpstreamRequest {
  std::string method = "GET";
  std::string target;   ///< origin-form; the upstream's base path comes before it
  http::Fields fields;  ///< one of a name
  std::string body;
  bool only_reads = false;  ///< a POST that asks and changes nothing: it may be sent twice, as a GET may
  std::string_view received_protocol = "1.1";  ///< version of HTTP in which it came here, for Via
  bool inject_token = true;
  bool has_worked =
      false;  ///< the same has been answered with 200: that it is refused may be the token's fault
  std::size_t credential =
      0;               ///< whose token and budget, by its place in the settings; with inject_token alone
  std::string client;  ///< who asks, for its share of the budget; names nobody where nobody has asked
  Priority priority = Priority::interactive;
  std::shared_ptr<Turn> turn;  ///< where others may join who wait for the same answer; null: nobody does
  std::string_view route;      ///< Route::name, of the table, for the accounts
  counters::Reason reason = counters::Reason::miss;
  /// The answer may come compressed: it is asked for with gzip and handed over without. Of no effect where
  /// `fields` hold an Accept-Encoding: then the coding is a client's own business.
  bool accept_gzip = true;
  /// Where true, an answer with bytes behind its Content-Length is refused; else they are dropped (RFC 9112,
  /// section 6.3).
  bool exact_length = true;
  /// An answer that is larger than upstream.max_response is handed over as UpstreamResponse::large; else it
  /// is refused, unless it is streamed.
  bool takes_large = false;
  /// Where set, interim answers go into it, and so does an answer that is large or of unknown length, as it
  /// comes. The sender of the request ends it, and reads its content from there.
  std::shared_ptr<GrowingAnswer> stream;
};

/// The upstream's final answer.
struct UpstreamResponse {
  unsigned status = 0;
  http::Fields fields;                 ///< of the header section only; trailer fields are dropped
  std::string body;                    ///< whole, unless `streamed` or `too_large`
  storage::BodyAccount::Growing held;  ///< what `body` takes, where it is counted
  LargeContentPtr large;   ///< set where the request takes it: the content, of which the beginning has come
  bool streamed = false;   ///< the answer has gone into the request's stream
  bool too_large = false;  ///< streamed or `large`, and not kept whole: larger than upstream.max_response
  bool ends_with_connection = false;  ///< nothing else tells its end: it may have been cut
  bool surplus = false;               ///< more came than Content-Length announced
  WallTime sent_at;                   ///< when the request that brought it was sent
};

/// The error of what is under way when the proxy stops.
[[nodiscard]] inline Error stopping() {
  return {ErrorCode::upstream_unreachable, false, "the proxy is stopping", ErrorSource::upstream};
}

/// A failed request and, if waiting helps, for how long.
struct UpstreamFailure {
  Error error;
  std::optional<std::chrono::milliseconds> retry_after;
};

using UpstreamResult = boost::system::result<UpstreamResponse, UpstreamFailure>;

[[noreturn]] inline void throw_exception_from_error(const UpstreamFailure& failure,
                                                    const boost::source_location& where) {
  throw_exception_from_error(failure.error, where);
}

/// The seam between server/proxy and the network: a request in, an awaitable result out.
class Upstream {
 public:
  virtual ~Upstream() = default;
  /// Sends a request and waits for its answer, within the configured deadlines. Called on the upstream thread
  /// alone.
  /// @param request  outlives that
  /// @return upstream_unreachable, upstream_timeout, upstream_invalid_response, token_unavailable,
  ///          upstream_budget_exhausted or overloaded; client_gone if the request's turn was abandoned, or
  ///          was unattended before it was sent; an answer of any status is a success
  [[nodiscard]] virtual boost::asio::awaitable<UpstreamResult> send(const UpstreamRequest& request) = 0;

  /// Whether a request that can wait would take nothing from one that cannot. On the upstream thread.
  /// @param credential  as UpstreamRequest::credential
  [[nodiscard]] virtual bool idle(std::size_t credential) const = 0;
};

}  // namespace roktcached::upstream
