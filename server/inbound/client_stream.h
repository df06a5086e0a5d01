#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "server/asio.h"

namespace roktcached::inbound {

/// The bytes of one client's connection, over TCP or a Unix socket, with or without TLS. Belongs to the
/// socket's thread.
class ClientStream {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Transferred = asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>;

  /// @param socket  of a listener that sends without delay, see open_listener
  /// @param tls     of a listener with TLS; null: none
  ClientStream(Socket socket, std::shared_ptr<asio::ssl::context> tls);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  [[nodiscard]] asio::any_io_executor executor() { return socket_.get_executor(); }
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  /// What the client has proved to hold; null: nothing. Owned by the stream.
  [[nodiscard]] X509* certificate();

  /// The TLS handshake; at once where there is no TLS.
  [[nodiscard]] asio::awaitable<boost::system::error_code> shake_hands();

  /// Waits until there is something to read, without a buffer to read it into. Not with TLS, which may hold
  /// bytes that the socket no longer has.
  [[nodiscard]] asio::awaitable<std::tuple<boost::system::error_code>> readable();
  [[nodiscard]] Transferred read_some(asio::mutable_buffer into);
  template <class Buffers>
  [[nodiscard]] Transferred write(const Buffers& from) {
    return tls_ ? asio::async_write(*tls_, from, as_result) : asio::async_write(socket_, from, as_result);
  }

  /// Writes what goes without waiting.
  /// @return how much went; 0 also for what only write() can do, or find out: TLS, a failure
  template <class Buffers>
  [[nodiscard]] std::size_t write_now(const Buffers& from) {
    boost::system::error_code not_now;
    return tls_ ? 0 : socket_.write_some(from, not_now);
  }

  /// Reads what has come, without waiting. Not with TLS.
  /// @return would_block where nothing has; eof at the end
  [[nodiscard]] std::pair<boost::system::error_code, std::size_t> read_now(asio::mutable_buffer into) {
    boost::system::error_code error;
    const std::size_t read = socket_.read_some(into, error);
    return {error, read};
  }

  /// Whether bytes have come that were not read.
  [[nodiscard]] bool has_received();
  /// Makes what is waited for fail. The stream can be used on.
  void cancel();
  /// Tells the peer that nothing more comes. With TLS this waits for its consent, so set a deadline.
  [[nodiscard]] asio::awaitable<void> end_sending();
  void close();

 private:
  Socket socket_;
  std::shared_ptr<asio::ssl::context> context_;      // outlives what was made from it
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;  // null: none
};

/// The address of a connection's peer, or "unix" for a Unix socket.
[[nodiscard]] std::string address_of(const ClientStream::Socket::endpoint_type& peer);

}  // namespace roktcached::inbound
