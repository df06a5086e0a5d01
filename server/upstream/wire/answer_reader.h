#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/error.h"
#include "core/http/fields.h"
#include "core/http/framing.h"
#include "core/http/message_head.h"
#include "server/http/message_parser.h"
#include "server/net/deadline.h"
#include "server/net/wiped_buffer.h"
#include "server/upstream/growing_answer.h"
#include "server/upstream/wire/upstream_stream.h"
#include "storage/body_account.h"

namespace roktcached::upstream {

/// The head of a final answer.
struct FinalHead {
  unsigned status = 0;
  http::Fields
      fields;  ///< less those that tell browsers what they may do, which is not the upstream's to say
  http::Framing framing;
  bool keep_alive = false;  ///< another answer may come on the connection

  /// Where the upstream has said it.
  [[nodiscard]] std::optional<std::uint64_t> length() const {
    return framing.kind == http::Framing::Kind::length ? std::optional(framing.length) : std::nullopt;
  }
};

/// Reads one answer after the other from a connection to the upstream, each with one meaning only (see
/// core/http/message_head.h), with Boost.Beast: its head, then its content. Deadlines are the caller's.
/// Belongs to the connection and the upstream thread; after a failure it is of no more use.
class AnswerReader {
 public:
  /// @param stream, deadline, settings  outlive the reader
  AnswerReader(UpstreamStream& stream, Deadline& deadline, const config::Upstream& settings);

  /// Waits for the head of the final answer (RFC 9110, section 15.2).
  /// @param answers_head  to a HEAD request
  /// @param onward        takes the interim answers before it; may be null
  /// @return upstream_timeout, upstream_invalid_response, or, where nothing came, upstream_unreachable
  [[nodiscard]] boost::asio::awaitable<Result<void>> read_head(FinalHead& head, bool answers_head,
                                                               GrowingAnswer* onward);

  /// Whether the content of the last answer whose head was read has come to its end.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Appends the next of the content, after waiting for it if nothing is there.
  /// @return upstream_timeout or upstream_invalid_response
  [[nodiscard]] boost::asio::awaitable<Result<void>> read_content(std::string& content);
  /// How many bytes to hold before begin_content: the length of the content if it is known, else the bytes
  /// that are there already.
  [[nodiscard]] std::size_t first_bytes(std::optional<std::uint64_t> length) const;
  /// Makes room for the content, and appends what is there of it, without waiting. Stops if it is too large.
  /// @param length  of the content, if it is known
  /// @return upstream_invalid_response
  [[nodiscard]] Result<void> begin_content(std::optional<std::uint64_t> length, std::string& content);
  /// Appends all the rest of the content. Stops if it is too large.
  /// @param held  what the content takes; grows with it
  /// @return as read_content and begin_content; overloaded if there is no room for it
  [[nodiscard]] boost::asio::awaitable<Result<void>> read_whole_content(std::string& content,
                                                                        storage::BodyAccount::Growing& held);
  /// Whether the content that these two have read is larger than upstream.max_response. Then read_content
  /// appends the rest.
  [[nodiscard]] bool too_large() const { return too_large_; }

  /// Whether only the end of the connection tells the end of this content. Then nobody can tell its end from
  /// a loss (RFC 9112, section 8).
  [[nodiscard]] bool ends_with_connection() const { return message_ && message_->ends_with_connection(); }

  /// Whether more bytes than the answer had come when the last of it was read.
  [[nodiscard]] bool has_more();

 private:
  [[nodiscard]] Result<std::size_t> find_head(bool answers_head);
  [[nodiscard]] Error no_head(const boost::system::error_code& error, bool first) const;
  boost::asio::awaitable<Result<void>> receive_content();
  Result<void> take_piece(std::string& content);
  Result<void> take_pieces(std::string& content);
  void took(std::size_t size);
  [[nodiscard]] std::string_view received() const;

  UpstreamStream& stream_;
  Deadline& deadline_;
  const config::Upstream& settings_;
  WipedBuffer buffer_;
  http::HeadScan scan_;
  http::ResponseHead head_;  // views into the buffer, while read_head is at it; keeps its memory
  std::optional<http::ResponseParser> message_;  // the last one whose head was read
  bool ended_ = true;
  bool too_large_ = false;
  bool drained_ = false;  // the last read has taken all that there was
};

}  // namespace roktcached::upstream
