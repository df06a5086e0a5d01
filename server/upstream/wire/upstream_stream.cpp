#include "server/upstream/wire/upstream_stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <utility>

#include "server/upstream/wire/origin.h"

namespace roktcached::upstream {

UpstreamStream::UpstreamStream(const asio::any_io_executor& executor, asio::ssl::context* tls)
    : socket_(executor) {
  if (tls != nullptr) tls_.emplace(socket_, *tls);
}

UpstreamStream::~UpstreamStream() {
  if (tls_) TlsSessions::keep_session_of(tls_->native_handle());
}

void UpstreamStream::take(Socket connected) {
  socket_ = std::move(connected);
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);  // for write_now
}

UpstreamStream::Transferred UpstreamStream::read_some(asio::mutable_buffer into) {
  return tls_ ? tls_->async_read_some(into, as_result) : socket_.async_read_some(into, as_result);
}

bool UpstreamStream::has_received() {
  if (!tls_) {
    boost::system::error_code ignored;
    return socket_.available(ignored) > 0;
  }
  char byte = 0;
  ERR_clear_error();
  const bool content = SSL_peek(tls_->native_handle(), &byte, 1) > 0;
  ERR_clear_error();
  return content;
}

bool UpstreamStream::gone() {
  if (tls_ && (SSL_get_shutdown(tls_->native_handle()) & SSL_RECEIVED_SHUTDOWN) != 0) return true;
  char byte = 0;
  const auto peeked = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return peeked >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void UpstreamStream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace roktcached::upstream
