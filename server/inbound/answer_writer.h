#pragma once

#include <string>
#include <string_view>

#include "server/asio.h"
#include "server/deadline.h"
#include "server/inbound/client_stream.h"
#include "server/inbound/limits.h"
#include "server/inbound/message.h"

namespace roktcached::inbound {

/// How an answer is framed, besides what it says itself.
struct AnswerFrame {
  bool keep_alive = false;
  bool http11 = true;
  bool more_follow = false;         ///< another request is here already: its answer may go with this one
  std::string_view browser_fields;  ///< field lines, see add_browser_fields
};

/// What became of an answer.
struct Written {
  bool whole = false;          ///< else the client must not take what came for the whole: end the connection
  std::size_t body_bytes = 0;  ///< without framing
};

/// Writes answers to a connection, within the deadline: at once where the socket takes them, several small
/// ones of pipelined requests together. Belongs to the connection and its thread.
class AnswerWriter final : public InterimSink {
 public:
  /// @param stream, deadline, limits  outlive the writer
  AnswerWriter(ClientStream& stream, Deadline& deadline, const Limits& limits)
      : stream_(stream), deadline_(deadline), limits_(limits) {}

  [[nodiscard]] asio::awaitable<Written> write(const Request& request, Answer& answer, AnswerFrame frame);
  [[nodiscard]] asio::awaitable<void> send_interim(unsigned status, const http::Fields& fields) override;

  /// Answers are held back for others to join them.
  [[nodiscard]] bool holds_back() const { return !held_.empty(); }
  /// Writes them.
  [[nodiscard]] asio::awaitable<bool> flush();
  /// Writes of them what goes without waiting, unless a write is under way.
  void flush_now();

 private:
  void make_head(const Request& request, const Answer& answer, const AnswerFrame& frame, bool chunked);
  template <class Buffers>
  asio::awaitable<bool> send(const Buffers& parts);
  asio::awaitable<bool> write_content(ContentSource& content, bool chunked, std::size_t& sent);

  ClientStream& stream_;
  Deadline& deadline_;
  const Limits& limits_;
  std::string head_;  // kept to reuse its memory
  std::string held_;
  bool writing_ = false;
};

}  // namespace roktcached::inbound
