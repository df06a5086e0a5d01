#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/http/framing.h"
#include "core/http/message_head.h"
#include "server/asio.h"
#include "server/http/message.h"
#include "server/http/message_parser.h"
#include "server/net/client_stream.h"
#include "server/net/deadline.h"
#include "server/net/wiped_buffer.h"
#include "server/session/limits.h"

namespace roktcached::session {

/// What came of reading one request.
struct Incoming {
  enum class End {
    request,  ///< it is whole
    refused,  ///< `why`; where the next request begins is not known
    nothing,  ///< the client has gone, or never began
    more,     ///< of its bytes are still to come
  };
  http::Request request;  ///< as much as was read
  bool http11 = true;
  bool last = false;  ///< no other request is read from this connection
  Error why;

  /// Makes it as new, and keeps memory for the next one.
  void clear();
};

/// Whether a request expects no more than is known here: 100-continue (RFC 9110, section 10.1.1).
/// @return expectation_failed
[[nodiscard]] Result<void> check_expectation(const http::Fields& fields);

/// Reads one request after the other from a connection, each with one meaning only (see
/// core/http/message_head.h), with Boost.Beast, within the deadlines. Belongs to the connection and its
/// thread.
class RequestReader {
 public:
  /// @param limits  outlive the reader
  explicit RequestReader(const Limits& limits)
      : limits_(limits), scan_(http::HeadKind::request, {.max_bytes = limits.max_head}) {}

  /// Something of a next request has come already.
  [[nodiscard]] bool has_begun() const { return message_ || buffer_.size() > 0; }

  /// Takes over what has come, without waiting. Not with TLS.
  /// @return would_block where nothing has
  boost::system::error_code receive_now(net::ClientStream& stream);
  /// Waits for the first bytes of a request.
  [[nodiscard]] asio::awaitable<boost::system::error_code> receive(net::ClientStream& stream);

  /// Takes a request out of the bytes that are here: the way of every hit.
  /// @param encrypted  whether they came so
  [[nodiscard]] Incoming::End take(Incoming& incoming, bool encrypted);
  /// The same, and waits for what is missing.
  [[nodiscard]] asio::awaitable<Incoming::End> read(net::ClientStream& stream, Deadline& deadline,
                                                    Incoming& incoming);

  /// Leaves nothing in its memory of what it has read but the usual fields, and keeps that.
  /// @pre no request has begun
  void wipe() { buffer_.wipe(); }

 private:
  /// A field section that was accepted, of the fields of nearly every request alone: nothing of content, of
  /// the connection's end, or of who asks. One client sends the same one again and again.
  struct Usual {
    std::string section;  ///< empty: none yet
    http::Fields fields;
  };

  void took(std::size_t size);
  Incoming::End take_head(Incoming& incoming, bool encrypted);
  Incoming::End take_content(Incoming& incoming);
  [[nodiscard]] Result<http::Framing> accept_head(Incoming& incoming, std::string_view head, bool encrypted);
  [[nodiscard]] Result<http::Framing> accept_framing(const Incoming& incoming, std::string_view section);
  [[nodiscard]] Result<void> accept_fields(Incoming& incoming, const Result<void>& read);
  [[nodiscard]] Result<void> accept_host(const http::Fields& fields, bool http11);
  [[nodiscard]] Result<void> take_authority(Incoming& incoming, std::string_view authority);
  Incoming::End refuse(Incoming& incoming, Error why);
  Incoming::End interrupted(Incoming& incoming, const boost::system::error_code& error, bool timed_out);
  [[nodiscard]] std::string_view received() const;

  const Limits& limits_;
  WipedBuffer buffer_;
  http::HeadScan scan_;
  http::RequestHead head_;
  std::optional<http::RequestParser> message_;  // while its content is read
  std::optional<SteadyTime> received_at_;       // the last bytes, until a head is taken out of them
  std::uint64_t limits_number_ = 0;             // of those under which the next two were accepted
  std::string last_host_;                       // that was accepted
  Usual usual_;
};

}  // namespace roktcached::session
