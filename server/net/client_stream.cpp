#include "server/net/client_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace roktcached::net {

namespace {

/// The size up to which a new connection sends one segment in any case: half of the window that it begins
/// with.
constexpr std::size_t max_short = 32 * 1024;
constexpr std::size_t first_piece = 8 * 1024;

}  // namespace

ClientStream::ClientStream(asio::any_io_executor executor, Descriptor descriptor, const Protocol& protocol,
                           std::shared_ptr<asio::ssl::context> tls)
    : protocol_(protocol),
      descriptor_(std::move(descriptor)),
      socket_(std::move(executor)),
      context_(std::move(tls)) {
  if (context_) tls_ = std::make_unique<TlsEngine>(context_->native_handle(), this->descriptor());
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
  return tls_ ? tls_->certificate() : nullptr;
}

asio::awaitable<boost::system::error_code> ClientStream::shake_hands() {
  boost::system::error_code error = tls_->shake_hands();
  while (error == asio::error::would_block) {
    const auto failed = co_await wait_for_socket();
    error = failed ? failed : tls_->shake_hands();
  }
  if (!error) acknowledge();  // the end of the handshake, where the client speaks last
  holds_more_ = tls_->has_taken();
  co_return error;
}

ClientStream::Transferred ClientStream::read_some(asio::mutable_buffer into) {
  drained_ = false;
  return tls_ ? read_some_deciphered(into) : socket().async_read_some(into, as_result);
}

ClientStream::Transferred ClientStream::read_some_deciphered(asio::mutable_buffer into) {
  auto [error, size] = tls_->read(into);
  // A client whose requests are here before they are asked for keeps nobody else waiting.
  if (!error) co_await asio::post(executor(), asio::use_awaitable);
  while (error == asio::error::would_block) {
    const auto failed = co_await wait_for_socket();
    if (failed) co_return std::tuple(failed, std::size_t{0});
    std::tie(error, size) = tls_->read(into);
  }
  holds_more_ = tls_->has_taken();
  co_return std::tuple(error, size);
}

/// The end of what comes is no error here: the engine finds it, and knows whether the client meant it.
asio::awaitable<boost::system::error_code> ClientStream::wait_for_socket() {
  if (tls_->wants_to_write()) {
    const auto [error] = co_await socket().async_wait(Socket::wait_write, as_result);
    co_return error;
  }
  const auto [error, size] = co_await socket().async_read_some(tls_->arrivals(), as_result);
  if (error && error != asio::error::eof) co_return error;
  tls_->arrived(size);
  co_return boost::system::error_code();
}

std::pair<boost::system::error_code, std::size_t> ClientStream::read_now(asio::mutable_buffer into) {
  if (tls_) return read_deciphered_now(into);
  const ssize_t read = ::recv(descriptor(), into.data(), into.size(), 0);
  // A Unix socket's read may also end at a descriptor that was sent along.
  drained_ = read < static_cast<ssize_t>(into.size()) && protocol_.family() != AF_UNIX;
  if (read > 0) return {{}, static_cast<std::size_t>(read)};
  if (read == 0) return {asio::error::eof, 0};
  return {{errno, boost::system::system_category()}, 0};
}

/// As many records as fit: no poller tells of one that is here already.
std::pair<boost::system::error_code, std::size_t> ClientStream::read_deciphered_now(
    asio::mutable_buffer into) {
  tls_->look_again();
  auto [error, size] = tls_->read(into);
  bool ends = false;  // which the next read finds again
  while (!error && !ends && size < into.size() && tls_->has_taken()) {
    const auto [none, more] = tls_->read(into + size);
    if (none == asio::error::would_block) break;
    ends = bool(none);
    size += more;
  }
  drained_ = tls_->drained() && !tls_->has_taken() && protocol_.family() != AF_UNIX;
  const bool was_filled = !error && size == into.size();  // else there is no more than a part of a record
  holds_more_ = ends || (was_filled && tls_->has_taken());
  return {error, size};
}

std::size_t ClientStream::write_now(asio::const_buffer first, asio::const_buffer second, After after,
                                    const std::optional<FilePlace>& place) {
  const std::size_t size = first.size() + second.size();
  const bool long_and_first = size > max_short && !has_written_long_;
  if (long_and_first && !(tls_ && tls_->in_record())) return write_in_pieces(first, second, after, place);
  if (tls_) return tls_->write(first, second).second;
  if (!place) return write_plain_now(first, second, after);
  const std::size_t gone = write_from_file_now(first, second, *place);
  if (after == After::end && gone == size) ::shutdown(descriptor(), SHUT_WR);
  return gone;
}

std::size_t ClientStream::write_plain_now(asio::const_buffer first, asio::const_buffer second, After after) {
  const std::size_t size = first.size() + second.size();
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
  // This is not left to close(): if bytes have come that nobody reads, close() drops what MSG_MORE holds
  // back.
  if (after == After::end && gone == size) ::shutdown(descriptor(), SHUT_WR);
  return gone;
}

/// The head is held back (MSG_MORE) for the content to fill its segment. Where the kernel does not send from
/// a file, it is written from memory. SIGPIPE, which sendfile() may raise, is ignored in this process.
std::size_t ClientStream::write_from_file_now(asio::const_buffer head, asio::const_buffer content,
                                              const FilePlace& place) {
  if (head.size() > 0) {
    const ssize_t written = ::send(descriptor(), head.data(), head.size(), MSG_NOSIGNAL | MSG_MORE);
    if (written < static_cast<ssize_t>(head.size()))
      return written > 0 ? static_cast<std::size_t>(written) : 0;
  }
  auto offset = static_cast<off_t>(place.offset);
  ssize_t written = ::sendfile(descriptor(), place.descriptor, &offset, content.size());
  if (written < 0 && errno != EAGAIN)
    written = ::send(descriptor(), content.data(), content.size(), MSG_NOSIGNAL);
  return head.size() + (written > 0 ? static_cast<std::size_t>(written) : 0);
}

/// Waits first: a client that takes all at once keeps nobody else waiting.
ClientStream::Transferred ClientStream::write_some_from_file(TwoBuffers from, FilePlace place) {
  const auto [failed] = co_await socket().async_wait(Socket::wait_write, as_result);
  if (failed) co_return std::tuple(failed, std::size_t{0});
  const std::size_t written = write_from_file_now(from[0], from[1], place);
  if (written > 0) co_return std::tuple(boost::system::error_code(), written);
  co_return co_await socket().async_write_some(from, as_result);  // which finds out what is amiss
}

std::size_t ClientStream::write_in_pieces(asio::const_buffer first, asio::const_buffer second, After after,
                                          std::optional<FilePlace> place) {
  has_written_long_ = true;
  const std::size_t of_first = std::min(first.size(), first_piece);
  const std::size_t of_second = first_piece - of_first;
  const std::size_t written =
      write_now(asio::buffer(first, of_first), asio::buffer(second, of_second), After::more);
  if (written < first_piece) return written;
  if (place) place->offset += of_second;
  return written + write_now(first + of_first, second + of_second, after, place);
}

/// A client that takes all at once keeps nobody else waiting.
ClientStream::Transferred ClientStream::write_some_enciphered(TwoBuffers from) {
  if (!tls_->in_record()) {
    yielding_ = true;
    co_await asio::post(executor(), asio::use_awaitable);
    if (!std::exchange(yielding_, false))
      co_return std::tuple(asio::error::operation_aborted, std::size_t{0});
  }
  auto [error, size] = tls_->write(from[0], from[1]);
  while (error == asio::error::would_block) {
    const auto failed = co_await wait_for_socket();
    if (failed) co_return std::tuple(failed, std::size_t{0});
    std::tie(error, size) = tls_->write(from[0], from[1]);
  }
  co_return std::tuple(error, size);
}

ClientStream::Transferred ClientStream::write_enciphered(TwoBuffers from) {
  std::size_t written = 0;
  while (asio::buffer_size(from) > 0) {
    const auto [error, size] = co_await write_some_enciphered(from);
    if (error) co_return std::tuple(error, written);
    written += size;
    const std::size_t of_first = std::min(size, from[0].size());
    from = {from[0] + of_first, from[1] + (size - of_first)};
  }
  co_return std::tuple(boost::system::error_code(), written);
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
  if (tls_ && tls_->has_taken()) return true;
  int bytes = 0;
  return ::ioctl(descriptor(), FIONREAD, &bytes) == 0 && bytes > 0;
}

void ClientStream::cancel() {
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
  yielding_ = false;
}

asio::awaitable<void> ClientStream::end_sending() {
  boost::system::error_code error = tls_ ? tls_->shut_down() : boost::system::error_code();
  while (error == asio::error::would_block) {
    const auto failed = co_await wait_for_socket();
    error = failed ? failed : tls_->shut_down();
  }
  ::shutdown(descriptor(), SHUT_WR);
}

ClientStream::Transferred ClientStream::read_undeciphered(asio::mutable_buffer into) {
  return socket().async_read_some(into, as_result);
}

void ClientStream::close() {
  boost::system::error_code ignored;
  if (tls_) tls_->detach();
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
