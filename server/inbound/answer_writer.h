#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "server/asio.h"
#include "server/deadline.h"
#include "server/inbound/client_stream.h"
#include "server/inbound/message.h"

namespace roktcached::inbound {

/// How an answer is framed, besides what it says itself.
struct AnswerFrame {
  bool keep_alive = false;
  bool http11 = true;
  std::string_view browser_fields;  ///< field lines, see add_browser_fields
};

/// What is to be sent to one client: the heads of answers and their contents, several small ones of pipelined
/// requests together. Goes at once where the socket takes it. Belongs to the connection and its thread.
class AnswerWriter {
 public:
  /// Puts an answer behind what there is: its head, and its content where that does not come in pieces.
  /// @pre not is_full()
  /// @return the bytes of that content
  std::size_t add(const Request& request, const Answer& answer, const AnswerFrame& frame);
  /// Puts an interim answer there (RFC 9110, section 15.2).
  void add_interim(unsigned status, const http::Fields& fields);

  [[nodiscard]] bool is_empty() const { return head_.empty() && !body_; }
  /// What is there is to be sent before more is added.
  [[nodiscard]] bool is_full() const;

  /// Sends what goes without waiting.
  /// @param after  what is to follow, the end perhaps: where nothing is left, that is sent, too
  /// @return true where nothing is left
  [[nodiscard]] bool send_now(ClientStream& stream, ClientStream::After after = ClientStream::After::more);
  /// Sends all of it.
  /// @param deadline  of what it waits for; cleared at the end
  /// @return false where the client has gone, or takes nothing any more
  [[nodiscard]] asio::awaitable<bool> send(ClientStream& stream, Deadline& deadline,
                                           std::chrono::milliseconds timeout);
  /// Sends what is there, and then content that comes in pieces.
  /// @param sent  counts its bytes, without framing
  /// @return false where the client, or the content, broke off
  [[nodiscard]] asio::awaitable<bool> send(ClientStream& stream, Deadline& deadline,
                                           std::chrono::milliseconds timeout, ContentSource& content,
                                           bool chunked, std::size_t& sent);

  /// Forgets what is there, and keeps some memory.
  void clear();

 private:
  [[nodiscard]] std::array<asio::const_buffer, 2> left() const;

  std::string head_;                         // with small contents
  std::shared_ptr<const std::string> body_;  // behind it; null: nothing
  std::size_t sent_ = 0;                     // of both
};

/// Whether the content of `answer` is sent in chunks: where its length is not known, and the client knows
/// them.
[[nodiscard]] bool is_chunked(const Answer& answer, bool http11);

}  // namespace roktcached::inbound
