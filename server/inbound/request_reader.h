#pragma once

#include <string_view>

#include "core/error.h"
#include "core/http/content.h"
#include "core/http/message_head.h"
#include "server/asio.h"
#include "server/deadline.h"
#include "server/inbound/client_stream.h"
#include "server/inbound/limits.h"
#include "server/inbound/message.h"
#include "server/wiped_buffer.h"

namespace roktcached::inbound {

/// What came of reading one request.
struct Incoming {
  enum class End {
    request,  ///< it is whole
    refused,  ///< `why`; where the next request begins is not known
    nothing,  ///< the client has gone, or never began
  };
  Request request;  ///< as much as was read
  bool http11 = true;
  bool last = false;  ///< no other request is read from this connection
  Error why;
};

/// Reads one request after the other from a connection, each with one meaning only (see
/// core/http/message_head.h), within the deadlines. Belongs to the connection and its thread.
class RequestReader {
 public:
  /// @param stream, deadline, limits  outlive the reader
  RequestReader(ClientStream& stream, Deadline& deadline, const Limits& limits)
      : stream_(stream), deadline_(deadline), limits_(limits) {}

  /// Bytes of a next request are here already.
  [[nodiscard]] bool has_bytes() const { return buffer_.size() > 0; }
  /// Waits for the first bytes of one.
  [[nodiscard]] asio::awaitable<boost::system::error_code> wait();
  [[nodiscard]] asio::awaitable<Incoming::End> read(Incoming& incoming);

 private:
  asio::awaitable<Incoming::End> read_head(Incoming& incoming);
  [[nodiscard]] Result<http::Framing> accept_head(Incoming& incoming, std::string_view head);
  asio::awaitable<Incoming::End> read_content(Incoming& incoming, const http::Framing& framing);
  Incoming::End interrupted(Incoming& incoming, const boost::system::error_code& error, std::string_view part,
                            std::chrono::milliseconds timeout);
  [[nodiscard]] std::string_view received() const;

  ClientStream& stream_;
  Deadline& deadline_;
  const Limits& limits_;
  WipedBuffer buffer_;
  http::RequestHead head_;
  http::Framing framing_;
};

}  // namespace roktcached::inbound
