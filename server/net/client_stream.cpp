#include "server/net/client_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>

namespace roktcached::net {

namespace ssl = asio::ssl;

namespace {

/// What a new connection sends as one segment in any case: half of the window that it begins with.
constexpr std::size_t max_short = 32 * 1024;
constexpr std::size_t first_piece = 8 * 1024;

}  // namespace

ClientStream::ClientStream(asio::any_io_executor executor, Descriptor descriptor, const Protocol& protocol,
                           std::shared_ptr<ssl::context> tls)
    : protocol_(protocol),
      descriptor_(std::move(descriptor)),
      socket_(std::move(executor)),
      context_(std::move(tls)) {
  if (context_) tls_ = std::make_unique<ssl::stream<Socket&>>(socket(), *context_);
}

ClientStream::Socket& ClientStream::socket() {
  if (!socket_.is_open() && descriptor_.get() >= 0) {
    boost::system::error_code error;  // then every operation fails, and says why
    socket_.assign(protocol_, descriptor_.get(), error);
    if (!error) (void)descriptor_.release();
    socket_.non_blocking(true, error);
  }
  return socket_;
}

X509* ClientStream::certificate() {
  return tls_ ? SSL_get0_peer_certificate(tls_->native_handle()) : nullptr;
}

asio::awaitable<boost::system::error_code> ClientStream::shake_hands() {
  const auto [error] = co_await tls_->async_handshake(ssl::stream_base::server, as_result);
  if (!error) acknowledge();  // the end of the handshake, where the client speaks last
  co_return error;
}

ClientStream::Transferred ClientStream::read_some(asio::mutable_buffer into) {
  drained_ = false;
  return tls_ ? tls_->async_read_some(into, as_result) : socket().async_read_some(into, as_result);
}

std::pair<boost::system::error_code, std::size_t> ClientStream::read_now(asio::mutable_buffer into) {
  const ssize_t read = ::recv(descriptor(), into.data(), into.size(), 0);
  // A Unix socket's read may also end at a descriptor that was sent along.
  drained_ = read < static_cast<ssize_t>(into.size()) && protocol_.family() != AF_UNIX;
  if (read > 0) return {{}, static_cast<std::size_t>(read)};
  if (read == 0) return {asio::error::eof, 0};
  return {{errno, boost::system::system_category()}, 0};
}

std::size_t ClientStream::write_now(asio::const_buffer first, asio::const_buffer second, After after) {
  if (tls_) return 0;
  const std::size_t size = first.size() + second.size();
  if (size > max_short && !has_written_long_) return write_in_pieces(first, second, after);
  const int flags = after == After::end ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
  ssize_t written = 0;
  if (second.size() == 0) {
    written = ::send(descriptor(), first.data(), first.size(), flags);
  } else {
    std::array<iovec, 2> parts = {iovec{const_cast<void*>(first.data()), first.size()},
                                  iovec{const_cast<void*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    written = ::sendmsg(descriptor(), &message, flags);
  }
  if (written <= 0) return 0;
  const auto gone = static_cast<std::size_t>(written);
  // Not left to close(): where bytes have come that nobody reads, that drops what MSG_MORE holds back.
  if (after == After::end && gone == size) ::shutdown(descriptor(), SHUT_WR);
  return gone;
}

std::size_t ClientStream::write_in_pieces(asio::const_buffer first, asio::const_buffer second, After after) {
  has_written_long_ = true;
  const std::size_t of_first = std::min(first.size(), first_piece);
  const std::size_t of_second = first_piece - of_first;
  const std::size_t written =
      write_now(asio::buffer(first, of_first), asio::buffer(second, of_second), After::more);
  if (written < first_piece) return written;
  return written + write_now(first + of_first, second + of_second, after);
}

void ClientStream::acknowledge() {
  const int on = 1;
  if (protocol_.family() != AF_UNIX) ::setsockopt(descriptor(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

std::size_t ClientStream::queued() {
  int bytes = 0;
  const bool told = ::ioctl(descriptor(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
  return told ? static_cast<std::size_t>(bytes) : 0;
}

std::size_t ClientStream::lost_by_reset() {
  return protocol_.family() == AF_UNIX ? 0 : queued();
}

bool ClientStream::has_received() {
  if (tls_ && SSL_pending(tls_->native_handle()) > 0) return true;
  int bytes = 0;
  return ::ioctl(descriptor(), FIONREAD, &bytes) == 0 && bytes > 0;
}

void ClientStream::cancel() {
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
}

asio::awaitable<void> ClientStream::end_sending() {
  if (tls_) co_await tls_->async_shutdown(as_result);
  ::shutdown(descriptor(), SHUT_WR);
}

ClientStream::Transferred ClientStream::read_undeciphered(asio::mutable_buffer into) {
  return socket().async_read_some(into, as_result);
}

void ClientStream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  descriptor_.close();
}

void ClientStream::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (descriptor() >= 0) ::setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

std::string address_of(const ClientStream::Protocol::endpoint& peer) {
  asio::ip::tcp::endpoint endpoint;
  const int family = peer.protocol().family();
  const bool internet = family == AF_INET || family == AF_INET6;
  if (!internet || peer.size() > endpoint.capacity()) return "unix";
  std::memcpy(endpoint.data(), peer.data(), peer.size());
  endpoint.resize(peer.size());
  return endpoint.address().to_string();
}

}  // namespace roktcached::net
