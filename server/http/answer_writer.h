#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "server/http/message.h"

namespace roktcached::http {

/// How an answer is framed, besides what it says itself.
struct AnswerFrame {
  bool keep_alive = false;
  bool http11 = true;
  std::string_view browser_fields;  ///< field lines, see add_browser_fields
  const Clock& clock;               ///< for Date
};

/// Frames the output for one client: the heads of answers and their contents, several small answers of
/// pipelined requests together. Knows no socket: its owner writes unsent(), and says by sent() how much went.
/// Belongs to the connection and its thread.
class AnswerWriter {
 public:
  AnswerWriter() = default;
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  /// Appends an answer: its head, and its content unless that comes in pieces.
  /// @pre not is_full()
  /// @return the bytes of that content
  std::size_t add(const Request& request, const Answer& answer, const AnswerFrame& frame);
  /// Appends an interim answer (RFC 9110, section 15.2).
  void add_interim(unsigned status, const http::Fields& fields);
  /// Appends some content of the answer that was added last, with the framing before it.
  /// @param chunked  see is_chunked
  /// @pre is_empty()
  void add_piece(ContentPiece piece, bool chunked);
  /// The content of the answer that was added last is whole: appends the last chunk (RFC 9112, section 7.1).
  void end_content(bool chunked);

  [[nodiscard]] bool is_empty() const { return head_.empty() && !body_; }
  /// Whether its bytes are to be sent before more is added.
  [[nodiscard]] bool is_full() const;

  /// The bytes that have not been sent, the second part perhaps empty. Valid until the next call.
  [[nodiscard]] std::array<boost::asio::const_buffer, 2> unsent() const;
  /// The place of the second part in a file; empty: it is in none.
  [[nodiscard]] std::optional<FilePlace> unsent_place() const {
    if (!place_) return std::nullopt;
    return FilePlace{place_->descriptor, place_->offset + (sent_ - std::min(sent_, head_.size()))};
  }
  /// `size` bytes of unsent() have gone.
  /// @return true if nothing is left
  bool sent(std::size_t size);
  /// Owns the content that is sent from where it is; null: all content was copied.
  [[nodiscard]] const void* body() const { return body_.get(); }
  /// All bytes that have gone since this was made.
  [[nodiscard]] std::int64_t total_sent() const { return sent_before_ + static_cast<std::int64_t>(sent_); }
  /// The bytes that went of the content of the answer that was added last, without framing.
  [[nodiscard]] std::size_t content_sent() const;

  /// Forgets what is there, and keeps some memory.
  void clear();

 private:
  [[nodiscard]] std::size_t size() const { return head_.size() + body_bytes_.size(); }

  std::string head_;                  // with small contents
  std::shared_ptr<const void> body_;  // keeps what is behind it; null: nothing is
  std::string_view body_bytes_;       // what is to be sent of that
  std::optional<FilePlace> place_;    // of those
  std::size_t sent_ = 0;              // of both
  std::size_t content_begin_ = 0;     // in both: where the last answer's content is
  std::size_t content_size_ = 0;      // and how much of it
  std::size_t content_before_ = 0;    // of it, sent before
  std::int64_t sent_before_ = 0;      // of what is not there any more
  bool in_chunk_ = false;             // the end of the last chunk is still to come
};

/// Whether the content of `answer` is sent in chunks: its length is not known, and the client knows chunks.
[[nodiscard]] bool is_chunked(const Answer& answer, bool http11);

}  // namespace roktcached::http
