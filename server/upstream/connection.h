#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/http/content.h"
#include "core/http/message_head.h"
#include "core/time.h"
#include "server/deadline.h"
#include "server/upstream/origin.h"
#include "server/upstream/upstream.h"
#include "server/wiped_buffer.h"

namespace roktcached::upstream {

using WireRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// How long a connection may be used, from its opening: `max_age`, or up to a tenth less, so that those that
/// were opened together are not all closed together.
/// @param jitter  in [0, 1)
[[nodiscard]] std::chrono::milliseconds connection_lifetime(std::chrono::milliseconds max_age, double jitter);

/// One connection to the upstream. Belongs to the desk's thread; owned by whoever uses it, or by the pool
/// between uses.
class Connection {
 public:
  /// Connects to the first address that answers, of the upstream or of upstream.proxy, which is asked for a
  /// tunnel then, and shakes hands; all within upstream.connect_timeout.
  /// @return upstream_unreachable or upstream_timeout
  [[nodiscard]] static boost::asio::awaitable<Result<std::unique_ptr<Connection>>> open(
      const boost::asio::any_io_executor& executor, Origin& origin);

  ~Connection();

  /// Sends one request and reads its answer. A connection that failed, or that the upstream will close, is
  /// not reusable afterwards.
  /// @param request  where it says `Accept-Encoding: gzip`, and there is no stream, the answer comes without
  /// its coding
  /// @param stream  as UpstreamRequest::stream; may be null
  /// @return upstream_timeout, upstream_invalid_response or upstream_unreachable; retryable where the
  ///         answer was cut off, or where a connection that was used before was gone before it began
  [[nodiscard]] boost::asio::awaitable<Result<UpstreamResponse>> exchange(const WireRequest& request,
                                                                          AnswerStream* stream = nullptr);

  [[nodiscard]] bool reusable() const { return reusable_; }
  /// True where the upstream has closed it, or has sent what nobody asked for.
  [[nodiscard]] bool gone();
  [[nodiscard]] bool used_before() const { return exchanges_ > 1; }
  void close();

  SteadyTime idle_since;
  SteadyTime expires_at;  ///< not to be used again from then on: upstream.max_age

 private:
  using Plain = boost::asio::ip::tcp::socket;
  using Tls = boost::asio::ssl::stream<Plain>;

  /// A head in the buffer, while its bytes are there.
  struct AnswerHeadRead {
    http::ResponseHead head;
    std::size_t size = 0;
    http::Framing framing;
  };

  Connection(const boost::asio::any_io_executor& executor, Origin& origin);
  boost::asio::awaitable<Result<void>> connect();
  boost::asio::awaitable<Result<void>> shake_hands();
  [[nodiscard]] bool more_than_the_answer();
  template <class Stream>
  boost::asio::awaitable<Result<UpstreamResponse>> exchange_on(Stream& stream, const WireRequest& request,
                                                               AnswerStream* onward);
  template <class Stream>
  boost::asio::awaitable<Result<void>> read_head(Stream& stream, AnswerHeadRead& answer, bool first);
  template <class Stream>
  boost::asio::awaitable<Result<void>> next_content(Stream& stream, http::ContentDecoder& content,
                                                    bool& ended, std::string& piece);
  template <class Stream>
  boost::asio::awaitable<Result<void>> read_content(Stream& stream, http::ContentDecoder& content,
                                                    const http::Framing& framing, std::string& body);
  template <class Stream>
  boost::asio::awaitable<Result<void>> pass_on(Stream& stream, http::ContentDecoder& content,
                                               const http::Framing& framing, AnswerStream& onward,
                                               UpstreamResponse& response);
  [[nodiscard]] std::string_view received() const;
  [[nodiscard]] Error too_large() const;
  [[nodiscard]] Error content_failure(const boost::system::error_code& error) const;
  [[nodiscard]] Error failure(const boost::system::error_code& error, const char* doing) const;
  [[nodiscard]] Plain& socket() { return tls_ ? tls_->next_layer() : *plain_; }

  Origin& origin_;
  std::optional<Plain> plain_;  // exactly one of these two
  std::optional<Tls> tls_;
  Deadline deadline_;
  WipedBuffer buffer_;
  unsigned exchanges_ = 0;
  bool reusable_ = true;
};

}  // namespace roktcached::upstream
