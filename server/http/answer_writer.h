#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/asio.h"
#include "server/http/message.h"
#include "server/net/client_stream.h"
#include "server/net/deadline.h"
#include "server/net/waiting_senders.h"
#include "server/net/write_pace.h"

namespace roktcached::http {

/// How an answer is framed, besides what it says itself.
struct AnswerFrame {
  bool keep_alive = false;
  bool http11 = true;
  std::string_view browser_fields;  ///< field lines, see add_browser_fields
};

/// The bytes to be sent to one client: the heads of answers and their contents, several small ones of
/// pipelined requests together. Goes at once where the socket takes it. Belongs to the connection and its
/// thread.
class AnswerWriter {
 public:
  /// @param senders  knows it while it waits for its client, so that it can give way; outlives it. Null: it
  ///                 need not
  explicit AnswerWriter(net::WaitingSenders* senders = nullptr) : senders_(senders) {}
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  /// Puts an answer behind what there is: its head, and its content where that does not come in pieces.
  /// @pre not is_full()
  /// @return the bytes of that content
  std::size_t add(const Request& request, const Answer& answer, const AnswerFrame& frame);
  /// Puts an interim answer there (RFC 9110, section 15.2).
  void add_interim(unsigned status, const http::Fields& fields);

  [[nodiscard]] bool is_empty() const { return head_.empty() && !body_; }
  /// Whether its bytes are to be sent before more is added.
  [[nodiscard]] bool is_full() const;

  /// Sends what goes without waiting.
  /// @param after  what is to follow, the end perhaps: where nothing is left, that is sent, too
  /// @return true where nothing is left
  [[nodiscard]] bool send_now(net::ClientStream& stream,
                              net::ClientStream::After after = net::ClientStream::After::more);
  /// Sends all of it.
  /// @param deadline  of what it waits for; cleared at the end. When it passes, may_go_on() is to be asked
  /// @return why it was cut; what was not sent is still there then
  [[nodiscard]] asio::awaitable<Cut> send(net::ClientStream& stream, Deadline& deadline,
                                          const net::WritePace::Terms& terms);
  /// Sends what is there, and then content that comes in pieces.
  /// @return why it was cut, by the client or by the content
  [[nodiscard]] asio::awaitable<Cut> send(net::ClientStream& stream, Deadline& deadline,
                                          const net::WritePace::Terms& terms, ContentSource& content,
                                          bool chunked);
  /// The deadline has passed: whether the client still takes what is sent to it, fast enough. Then there is
  /// another deadline.
  [[nodiscard]] bool may_go_on(net::ClientStream& stream, Deadline& deadline);
  /// The bytes that went of the content of the answer that was added last, without framing.
  [[nodiscard]] std::size_t content_sent() const;

  /// Forgets what is there, and keeps some memory.
  void clear();
  /// The next answer goes to another client.
  void change_client() { pace_.reset(); }

 private:
  [[nodiscard]] std::array<asio::const_buffer, 2> left() const;
  [[nodiscard]] std::size_t size() const { return head_.size() + body_bytes_.size(); }
  [[nodiscard]] asio::awaitable<Cut> wait_and_send(net::ClientStream& stream, Deadline& deadline,
                                                   const net::WritePace::Terms& terms);
  void note_slow(net::ClientStream& stream, Deadline& deadline, SteadyTime now);
  void give_way(net::ClientStream& stream, Deadline& deadline);

  net::WaitingSenders* const senders_;
  std::string head_;                  // with small contents
  std::shared_ptr<const void> body_;  // keeps what is behind it; null: nothing is
  std::string_view body_bytes_;       // what is to be sent of that
  std::size_t sent_ = 0;              // of both
  std::size_t content_begin_ = 0;     // in both: where the last answer's content is
  std::size_t content_size_ = 0;      // and how much of it
  std::size_t content_before_ = 0;    // of it, sent before
  net::WritePace pace_;
  std::int64_t sent_before_ = 0;                    // of what is not there any more
  bool waits_ = false;                              // for the client
  std::optional<net::WaitingSenders::Entry> slow_;  // once it has waited for a while
  Cut verdict_ = Cut::none;                         // of pace_, or of a shortage, on what is waited for
};

/// Whether the content of `answer` is sent in chunks: where its length is not known, and the client knows
/// them.
[[nodiscard]] bool is_chunked(const Answer& answer, bool http11);

}  // namespace roktcached::http
