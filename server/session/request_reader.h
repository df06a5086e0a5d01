#pragma once

#include <boost/asio/buffer.hpp>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/http/framing.h"
#include "core/http/message_head.h"
#include "core/time.h"
#include "server/http/message.h"
#include "server/http/message_parser.h"
#include "server/net/wiped_buffer.h"
#include "server/session/limits.h"

namespace roktcached::session {

/// The result of reading one request.
struct Incoming {
  enum class End {
    request,  ///< it is whole
    refused,  ///< `why`; where the next request begins is not known
    more,     ///< of its bytes are still to come
  };
  http::Request request;  ///< as much as was read
  bool http11 = true;
  bool last = false;  ///< no other request is read from this connection
  Error why;

  /// Makes it as new, and keeps memory for the next one.
  void clear();
};

/// Why no more bytes come.
enum class InputEnd {
  end_of_stream,  ///< the client has ended its half of the connection
  timeout,        ///< they have not come in time
  failure,        ///< of the connection
};

/// Whether a request expects no more than is known here: 100-continue (RFC 9110, section 10.1.1).
/// @return expectation_failed
[[nodiscard]] Result<void> check_expectation(const http::Fields& fields);

/// Reads one request after the other out of a connection's bytes, each with one meaning only (see
/// core/http/message_head.h), with Boost.Beast. Knows no socket. Belongs to the connection and its thread.
class RequestReader {
 public:
  /// @param limits  outlive the reader
  explicit RequestReader(const Limits& limits)
      : limits_(limits), scan_(http::HeadKind::request, {.max_bytes = limits.max_head}) {}

  /// Something of a next request has come already.
  [[nodiscard]] bool has_begun() const { return message_ || buffer_.size() > 0; }

  /// The head of a request has been taken, and its content has not yet.
  [[nodiscard]] bool is_in_content() const { return message_.has_value(); }

  /// The memory for the next bytes.
  [[nodiscard]] boost::asio::mutable_buffer prepare(std::size_t size) { return buffer_.prepare(size); }
  /// The first `size` bytes of what prepare() has given have come.
  void received(std::size_t size, SteadyTime now) {
    buffer_.commit(size);
    received_at_ = now;
  }
  /// Takes a request out of the bytes that are here: the way of every hit.
  /// @param encrypted  whether they came so
  /// @param clock      asked where the request came together with the one before it
  [[nodiscard]] Incoming::End take(Incoming& incoming, bool encrypted, const Clock& clock);
  /// The time by which the head, or the content, that has begun must be whole. It stays the same for the same
  /// head or content.
  /// @param now  when its other bytes are waited for
  [[nodiscard]] SteadyTime deadline(SteadyTime now);
  /// No more bytes of the current request will come.
  /// @return whether it is refused; else there is nobody to tell
  [[nodiscard]] bool cut_off(Incoming& incoming, InputEnd why);

  /// Wipes from its memory what it has read, except the usual fields, and keeps the memory.
  /// @pre no request has begun
  void wipe() { buffer_.wipe(); }

 private:
  /// A field section that was accepted. It has only the fields of nearly every request: none about content,
  /// or about the connection's end. One client sends the same section again and again. Of a secret in it
  /// nothing is kept.
  struct Usual {
    std::string section;  ///< empty: none yet
    http::Fields fields;
    std::string_view secret_name;  ///< of the field with a secret; empty: there is none
    std::size_t secret = 0;        ///< where in the section that begins
    std::size_t secret_size = 0;

    [[nodiscard]] http::KnownSection known() const { return {section, secret, secret_size}; }
  };

  Incoming::End take_head(Incoming& incoming, bool encrypted, const Clock& clock);
  Incoming::End take_content(Incoming& incoming);
  [[nodiscard]] Result<http::Framing> accept_head(Incoming& incoming, std::string_view head, bool encrypted);
  [[nodiscard]] Result<http::Framing> accept_framing(const Incoming& incoming, std::string_view section);
  void keep_if_usual(const http::Fields& fields, std::string_view section);
  [[nodiscard]] Result<void> accept_fields(Incoming& incoming, const Result<void>& read);
  [[nodiscard]] Result<void> accept_host(const http::Fields& fields, bool http11);
  [[nodiscard]] Result<void> take_authority(Incoming& incoming, std::string_view authority);
  Incoming::End refuse(Incoming& incoming, Error why);
  [[nodiscard]] std::string_view received() const;

  const Limits& limits_;
  WipedBuffer buffer_;
  http::HeadScan scan_;
  http::RequestHead head_;
  std::optional<http::RequestParser> message_;  // while its content is read
  std::optional<SteadyTime> received_at_;       // the last bytes, until a head is taken out of them
  std::optional<SteadyTime> due_;               // see deadline()
  std::uint64_t limits_number_ = 0;             // of those under which the next two were accepted
  std::string last_host_;                       // that was accepted
  Usual usual_;
};

}  // namespace roktcached::session
