#include "server/inbound/client_stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <utility>

namespace roktcached::inbound {

namespace ssl = asio::ssl;

ClientStream::ClientStream(Socket socket, std::shared_ptr<ssl::context> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  if (context_) tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, *context_);
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);  // for read_now and write_now
}

std::string address_of(const ClientStream::Socket::endpoint_type& peer) {
  asio::ip::tcp::endpoint endpoint;
  const int family = peer.protocol().family();
  const bool internet = family == AF_INET || family == AF_INET6;
  if (!internet || peer.size() > endpoint.capacity()) return "unix";
  std::memcpy(endpoint.data(), peer.data(), peer.size());
  endpoint.resize(peer.size());
  return endpoint.address().to_string();
}

X509* ClientStream::certificate() {
  return tls_ ? SSL_get0_peer_certificate(tls_->native_handle()) : nullptr;
}

asio::awaitable<boost::system::error_code> ClientStream::shake_hands() {
  if (!tls_) co_return boost::system::error_code();
  const auto [error] = co_await tls_->async_handshake(ssl::stream_base::server, as_result);
  co_return error;
}

asio::awaitable<std::tuple<boost::system::error_code>> ClientStream::readable() {
  return socket_.async_wait(Socket::wait_read, as_result);
}

ClientStream::Transferred ClientStream::read_some(asio::mutable_buffer into) {
  return tls_ ? tls_->async_read_some(into, as_result) : socket_.async_read_some(into, as_result);
}

bool ClientStream::has_received() {
  boost::system::error_code ignored;
  return socket_.available(ignored) > 0;
}

void ClientStream::cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

asio::awaitable<void> ClientStream::end_sending() {
  if (tls_) co_await tls_->async_shutdown(as_result);
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void ClientStream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace roktcached::inbound
