#pragma once

#include <chrono>
#include <optional>
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
    more,     ///< of its bytes are still to come
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
      : stream_(stream),
        deadline_(deadline),
        limits_(limits),
        scan_(http::HeadKind::request, {.max_bytes = limits.max_head}) {}

  /// Something of a next request has come already.
  [[nodiscard]] bool has_begun() const { return content_ || buffer_.size() > 0; }

  /// Waits for the first bytes of one. A connection that is idle for long keeps no memory for them.
  [[nodiscard]] asio::awaitable<boost::system::error_code> wait(std::chrono::milliseconds idle_timeout);

  /// Takes a request out of the bytes that are here: the way of every hit.
  [[nodiscard]] Incoming::End take(Incoming& incoming);
  /// The same, and waits for what is missing.
  [[nodiscard]] asio::awaitable<Incoming::End> read(Incoming& incoming);

 private:
  Incoming::End take_head(Incoming& incoming);
  Incoming::End take_content(Incoming& incoming);
  [[nodiscard]] Result<http::Framing> accept_head(Incoming& incoming, std::string_view head);
  Incoming::End refuse(Incoming& incoming, Error why);
  Incoming::End interrupted(Incoming& incoming, const boost::system::error_code& error);
  [[nodiscard]] std::string_view received() const;

  ClientStream& stream_;
  Deadline& deadline_;
  const Limits& limits_;
  WipedBuffer buffer_;
  http::HeadScan scan_;
  http::RequestHead head_;
  std::optional<http::ContentDecoder> content_;  // while it is read
};

}  // namespace roktcached::inbound
