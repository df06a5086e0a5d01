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
  std::string_view browser_fields;  ///< field lines, see add_browser_fields
};

/// What became of an answer.
struct Written {
  bool whole = false;          ///< else the client must not take what came for the whole: end the connection
  std::size_t body_bytes = 0;  ///< without framing
};

/// Writes answers to a connection, within the deadline. Belongs to the connection and its thread.
class AnswerWriter final : public InterimSink {
 public:
  /// @param stream, deadline, limits  outlive the writer
  AnswerWriter(ClientStream& stream, Deadline& deadline, const Limits& limits)
      : stream_(stream), deadline_(deadline), limits_(limits) {}

  [[nodiscard]] asio::awaitable<Written> write(const Request& request, Answer& answer, AnswerFrame frame);
  [[nodiscard]] asio::awaitable<void> send_interim(unsigned status, const http::Fields& fields) override;

 private:
  void make_head(const Request& request, const Answer& answer, const AnswerFrame& frame, bool chunked);
  asio::awaitable<bool> write_content(ContentSource& content, bool chunked, std::size_t& sent);

  ClientStream& stream_;
  Deadline& deadline_;
  const Limits& limits_;
  std::string head_;  // kept to reuse its memory
};

}  // namespace roktcached::inbound
