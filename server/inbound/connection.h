#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <string>

#include "server/deadline.h"
#include "server/inbound/limits.h"
#include "server/inbound/message.h"

namespace roktcached::inbound {

/// One client's connection: reads requests one after the other (RFC 9112, section 9.3), hands each to the
/// handler and writes its answer. Lives and dies on the one thread of its socket's executor; owned by its own
/// coroutine and by the listener's registry. A connection that fails takes nothing with it.
class Connection : public std::enable_shared_from_this<Connection>, private InterimSink {
 public:
  /// @param limits, handler  outlive the connection
  Connection(boost::asio::ip::tcp::socket socket, const Limits& limits, Handler& handler);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until the client, an error, a timeout or drain() ends it.
  [[nodiscard]] boost::asio::awaitable<void> run();

  /// Lets the request at hand, and one already received, be answered in full; then ends the connection.
  void drain();
  /// Ends the connection now, whatever it does.
  void abort();

 private:
  struct Reading;  // a request while it is being read
  enum class Wait { request, end };

  boost::asio::awaitable<Wait> wait_for_request();
  /// @return false where the connection is to end without another request
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<bool> read_body(Reading& reading);
  boost::asio::awaitable<bool> refuse(Reading& reading, Error error);
  boost::asio::awaitable<bool> write(const Request& request, Answer answer, bool keep_alive, bool http11);
  boost::asio::awaitable<bool> write_content(ContentSource& content, bool chunked, std::size_t& sent);
  boost::asio::awaitable<void> send_interim(unsigned status, const http::Fields& fields) override;
  boost::asio::awaitable<void> linger();

  boost::asio::ip::tcp::socket socket_;
  const Limits& limits_;
  Handler& handler_;
  Deadline deadline_;
  boost::beast::flat_buffer buffer_;
  std::string head_;    // of the answer being written; kept to reuse its memory
  std::string client_;  // the peer's address
  bool draining_ = false;
  bool waiting_ = false;  // between two requests
};

}  // namespace roktcached::inbound
