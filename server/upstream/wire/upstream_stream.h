#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <tuple>

#include "server/asio.h"

namespace roktcached::upstream {

/// The bytes to and from the upstream, with TLS or without. Belongs to its connection, and to the upstream
/// client's thread.
class UpstreamStream {
 public:
  using Socket = asio::ip::tcp::socket;
  using Tls = asio::ssl::stream<Socket&>;
  using Transferred = asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>;

  /// @param tls  outlives the stream; null: none
  UpstreamStream(const asio::any_io_executor& executor, asio::ssl::context* tls);
  ~UpstreamStream();
  UpstreamStream(const UpstreamStream&) = delete;
  UpstreamStream& operator=(const UpstreamStream&) = delete;

  /// Takes over a socket that is connected.
  void take(Socket connected);
  [[nodiscard]] Socket& socket() { return socket_; }
  /// Null if there is none.
  [[nodiscard]] Tls* tls() { return tls_ ? &*tls_ : nullptr; }

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

  /// Whether content has come that was not read. Encrypted bytes need not be content: they may be
  /// the notice that the upstream closes, or a session ticket.
  [[nodiscard]] bool has_received();
  /// True if the upstream has closed it, or has sent anything that was not read.
  [[nodiscard]] bool gone();
  void close();

 private:
  Socket socket_;
  std::optional<Tls> tls_;
};

}  // namespace roktcached::upstream
