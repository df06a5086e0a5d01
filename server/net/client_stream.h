#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/descriptor.h"
#include "server/asio.h"
#include "server/net/tls_engine.h"

namespace roktcached::net {

/// The bytes of one client's connection, over TCP or a Unix socket, with or without TLS. Belongs to one
/// thread.
///
/// What goes without waiting is read and written by system calls of its own; the executor learns of the
/// socket only when something is waited for.
class ClientStream {
 public:
  using Protocol = asio::generic::stream_protocol;
  using Socket = Protocol::socket;
  using Transferred = asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>;

  /// @param descriptor  of a connected socket that does not block
  /// @param tls         of a listener with TLS; null: none
  ClientStream(asio::any_io_executor executor, Descriptor descriptor, const Protocol& protocol,
               std::shared_ptr<asio::ssl::context> tls);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  [[nodiscard]] asio::any_io_executor executor() { return socket_.get_executor(); }
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  /// The certificate that the client has proved to hold; null: none. Owned by the stream.
  [[nodiscard]] X509* certificate();

  /// The TLS handshake.
  [[nodiscard]] asio::awaitable<boost::system::error_code> shake_hands();

  [[nodiscard]] Transferred read_some(asio::mutable_buffer into);
  template <class Buffers>
  [[nodiscard]] Transferred write(const Buffers& from) {
    return tls_ ? write_enciphered(two_of(from)) : asio::async_write(socket(), from, as_result);
  }
  /// Waits until the kernel takes something, and writes as much as it takes at once; with TLS, whole records,
  /// some at a time.
  /// @param from   one or two buffers. The rest of them is to come next
  /// @param place  see write_now()
  template <class Buffers>
  [[nodiscard]] Transferred write_some(const Buffers& from, const std::optional<FilePlace>& place = {}) {
    if (tls_) return write_some_enciphered(two_of(from));
    return place ? write_some_from_file(two_of(from), *place) : socket().async_write_some(from, as_result);
  }

  /// Reads what has come, without waiting. With TLS this includes what came with an earlier read: see
  /// holds_more().
  /// @return would_block if nothing has come; eof at the end
  [[nodiscard]] std::pair<boost::system::error_code, std::size_t> read_now(asio::mutable_buffer into);
  /// Whether something follows the written bytes, or the end does.
  enum class After { more, end };
  /// Writes what goes without waiting. If all of it goes and the end is to follow, the end goes, too, in the
  /// segment of the last bytes. That saves both sides a segment, and the server a quarter of what a
  /// connection of one request costs it.
  ///
  /// The first long write of a connection goes in two pieces. A receiver on the same host opens its window to
  /// what the first long segment leaves free of its buffer, and Linux sends segments of up to half of the
  /// window. After a first segment of 32 KiB, every answer of 50 KB would be two segments, with one more
  /// acknowledgement; after one of 8 KiB it is one.
  ///
  /// With TLS the end does not go along. A record of which a part has gone counts as not written: the rest is
  /// to be written next, here or by write_some().
  /// @param place  where `second` stands in a file, too: without TLS the kernel takes it from there, and
  ///          copies nothing
  /// @return how much went; 0 also for a failure, which only write_some() can tell
  [[nodiscard]] std::size_t write_now(asio::const_buffer first, asio::const_buffer second, After after,
                                      const std::optional<FilePlace>& place = {});

  /// Acknowledges what has come. Otherwise the next answer would, and a client that sends its request in
  /// pieces may hold back the next piece until then (RFC 9293, section 3.7.4).
  void acknowledge();
  /// Bytes written that the kernel still holds: over TCP the bytes that the peer has not acknowledged, over a
  /// Unix socket the memory of what the peer has not read. If it is less than before, the peer has taken
  /// some.
  [[nodiscard]] std::size_t queued();
  /// How much of that is lost when a reset ends the connection; over a Unix socket nothing is.
  [[nodiscard]] std::size_t lost_by_reset();
  /// Whether bytes have come that were not read.
  [[nodiscard]] bool has_received();
  /// Whether the last read has taken all that there was; false if it does not say.
  [[nodiscard]] bool drained() const { return drained_; }
  /// Whether read_now() may have something to give that is no longer in the socket, so that no poller reports
  /// it: with TLS, what did not fit into an earlier read, or came with the end of the handshake.
  [[nodiscard]] bool holds_more() const { return holds_more_; }
  /// The socket's, until close().
  [[nodiscard]] int descriptor() { return socket_.is_open() ? socket_.native_handle() : descriptor_.get(); }
  /// Makes the waits fail. The stream can be used on.
  void cancel();
  /// Tells the peer that nothing more comes. With TLS this waits until the peer says so, too, so set a
  /// deadline.
  [[nodiscard]] asio::awaitable<void> end_sending();
  /// After end_sending(), reads what is of no interest any more: with TLS the bytes of its records.
  [[nodiscard]] Transferred read_undeciphered(asio::mutable_buffer into);
  void close();
  /// Ends the connection so that the peer sees an error, and no end, behind what it has got (RFC 9293,
  /// section 3.10.5, ABORT). The kernel frees what it still held. A Unix socket has no reset, so it is
  /// closed.
  void reset();

 private:
  /// The socket, which is the executor's from now on.
  [[nodiscard]] Socket& socket();
  [[nodiscard]] std::size_t write_in_pieces(asio::const_buffer first, asio::const_buffer second, After after,
                                            std::optional<FilePlace> place);
  [[nodiscard]] std::pair<boost::system::error_code, std::size_t> read_deciphered_now(
      asio::mutable_buffer into);
  [[nodiscard]] std::size_t write_plain_now(asio::const_buffer first, asio::const_buffer second, After after);
  [[nodiscard]] std::size_t write_from_file_now(asio::const_buffer head, asio::const_buffer content,
                                                const FilePlace& place);

  using TwoBuffers = std::array<asio::const_buffer, 2>;
  static TwoBuffers two_of(const asio::const_buffer& one) { return {one, asio::const_buffer()}; }
  static TwoBuffers two_of(const TwoBuffers& two) { return two; }
  /// Until the TLS engine can go on.
  [[nodiscard]] asio::awaitable<boost::system::error_code> wait_for_socket();
  [[nodiscard]] Transferred read_some_deciphered(asio::mutable_buffer into);
  [[nodiscard]] Transferred write_some_enciphered(TwoBuffers from);
  [[nodiscard]] Transferred write_enciphered(TwoBuffers from);
  [[nodiscard]] Transferred write_some_from_file(TwoBuffers from, FilePlace place);

  const Protocol protocol_;
  Descriptor descriptor_;  // until it is the socket's
  Socket socket_;
  bool drained_ = false;
  bool holds_more_ = false;
  bool yielding_ = false;  // a write waits, but not for the socket; false: it was cancelled
  bool has_written_long_ = false;
  std::shared_ptr<asio::ssl::context> context_;  // outlives what was made from it
  std::unique_ptr<TlsEngine> tls_;
};

/// The address of a connection's peer, or "unix" for a Unix socket.
[[nodiscard]] std::string address_of(const ClientStream::Protocol::endpoint& peer);

}  // namespace roktcached::net
