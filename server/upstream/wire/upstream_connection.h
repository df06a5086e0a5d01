#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/time.h"
#include "server/net/deadline.h"
#include "server/upstream/upstream.h"
#include "server/upstream/wire/answer_reader.h"
#include "server/upstream/wire/origin.h"
#include "server/upstream/wire/upstream_stream.h"
#include "server/upstream/wire/wire_request.h"

namespace roktcached::upstream {

/// How long a connection may be used, from its opening: `max_age`, or up to a tenth less, so that those that
/// were opened together are not all closed together.
/// @param jitter  in [0, 1)
[[nodiscard]] std::chrono::milliseconds connection_lifetime(std::chrono::milliseconds max_age, double jitter);

/// Whether a connection that had been used before was gone when it was used again, before anything of an
/// answer came. The upstream closed it in that moment, and nothing speaks against another one.
/// @param why  from UpstreamConnection::exchange
[[nodiscard]] bool is_loss_of_kept_connection(const Error& why);

/// What to do with an answer that is larger than upstream.max_response, and of which nothing has been passed
/// on.
enum class LargeAnswer {
  refuse,     ///< it is upstream_invalid_response
  hand_over,  ///< see UpstreamResponse::large
};

/// One connection to the upstream. Belongs to the upstream thread; owned by whoever uses it, or by the pool
/// between uses.
class UpstreamConnection {
 public:
  /// Connects to the first address that answers, of the upstream or of upstream.proxy, which is asked for a
  /// tunnel then, and shakes hands; all within upstream.connect_timeout.
  /// @param turn  outlives that: it ends where nobody waits for the request any more; may be null
  /// @return upstream_unreachable, upstream_timeout or client_gone
  [[nodiscard]] static boost::asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> open(
      const boost::asio::any_io_executor& executor, Origin& origin, Turn* turn = nullptr);

  /// Sends one request and reads its answer. A connection that failed, or that the upstream will close, is
  /// not reusable afterwards.
  /// @param stream  as UpstreamRequest::stream; may be null
  /// @param large   with hand_over, such an answer comes with too_large, and its body is what has come of it:
  ///                read_rest reads on
  /// @return upstream_timeout, upstream_invalid_response or upstream_unreachable; retryable where the
  ///         answer was cut off, or where a connection that was used before was gone before it began
  [[nodiscard]] boost::asio::awaitable<Result<UpstreamResponse>> exchange(
      const WireRequest& request, GrowingAnswer* stream = nullptr, LargeAnswer large = LargeAnswer::refuse);

  /// Appends the next part of the content of an answer that was handed over before its end.
  /// @return upstream_timeout or upstream_invalid_response
  [[nodiscard]] boost::asio::awaitable<Result<void>> read_rest(std::string& content);
  [[nodiscard]] bool answer_has_ended() const { return reader_.ended(); }
  /// The length of the content of the last answer, if the upstream has said it.
  [[nodiscard]] std::optional<std::uint64_t> answer_length() const { return answer_length_; }
  /// As UpstreamResponse::ends_with_connection.
  [[nodiscard]] bool answer_ends_with_connection() const { return reader_.ends_with_connection(); }

  [[nodiscard]] bool reusable() const { return reusable_; }
  /// True if the upstream has closed it, or has sent what nobody asked for.
  [[nodiscard]] bool gone() { return stream_.gone(); }
  [[nodiscard]] bool used_before() const { return exchanges_ > 1; }
  void close() { stream_.close(); }

  SteadyTime idle_since;
  SteadyTime expires_at;  ///< not to be used again from then on: upstream.max_age

 private:
  UpstreamConnection(const boost::asio::any_io_executor& executor, Origin& origin);
  boost::asio::awaitable<Result<void>> connect(Turn* turn);
  boost::asio::awaitable<Result<void>> shake_hands();
  [[nodiscard]] std::array<boost::asio::const_buffer, 2> parts_of(const WireRequest& request) const;
  boost::asio::awaitable<Result<void>> send_rest(const WireRequest& request, std::size_t gone);
  boost::asio::awaitable<Result<void>> pass_on(const FinalHead& head, GrowingAnswer& onward,
                                               UpstreamResponse& response);

  Origin& origin_;
  UpstreamStream stream_;
  Deadline deadline_;
  AnswerReader reader_;
  WipedBuffer sending_;  // the head of a request, until it is sent
  std::optional<std::uint64_t> answer_length_;
  unsigned exchanges_ = 0;
  bool reusable_ = true;
};

}  // namespace roktcached::upstream
