#include "server/inbound/listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/asio.h"
#include "server/background.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace {

constexpr std::chrono::milliseconds pause_after_failed_accept{100};

/// Tells a client beyond the bound why it is turned away; best effort, without waiting for it.
void turn_away(ClientStream::Socket socket) {
  static const std::string body =
      *problem({ErrorCode::overloaded, ErrorSource::inbound, true, "listen.max_connections are open"}, "")
           .body;
  static const std::string answer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
      "Connection: close\r\nCross-Origin-Resource-Policy: same-origin\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(answer), ignored);
}

}  // namespace

bool ConnectionBudget::take() {
  if (open_.fetch_add(1, std::memory_order_relaxed) < max_) return true;
  give_back();
  return false;
}

Listener::Listener(Acceptor acceptor, const Site& site, ConnectionBudget& budget,
                   std::shared_ptr<asio::ssl::context> tls)
    : acceptor_(std::move(acceptor)), site_(site), budget_(budget), tls_(std::move(tls)) {}

void Listener::start() {
  asio::co_spawn(acceptor_.get_executor(), accept_loop(), logging_failure("accepting connections"));
}

asio::awaitable<void> Listener::accept_loop() {
  while (!draining_) {
    ClientStream::Socket::endpoint_type peer;
    auto [error, socket] = co_await acceptor_.async_accept(peer, as_result);
    if (!error) {
      begin(std::move(socket), address_of(peer));
    } else if (error != asio::error::operation_aborted && error != asio::error::connection_aborted) {
      // Out of descriptors, most likely: they come back when connections end.
      asio::steady_timer pause(acceptor_.get_executor(), pause_after_failed_accept);
      co_await pause.async_wait(as_result);
    }
  }
}

void Listener::renew(std::shared_ptr<asio::ssl::context> tls) {
  if (tls_) tls_ = std::move(tls);
}

void Listener::begin(ClientStream::Socket socket, std::string peer) {
  if (!budget_.take()) {
    if (!tls_) turn_away(std::move(socket));
    return;
  }
  auto connection = std::make_shared<Connection>(std::move(socket), std::move(peer), tls_, site_);
  connections_.insert(connection);
  if (draining_) connection->drain();  // it was accepted before, and its handler comes after
  asio::co_spawn(
      acceptor_.get_executor(), connection->run(),
      [this, connection, log = logging_failure("serving a connection")](const std::exception_ptr& failure) {
        connections_.erase(connection);
        budget_.give_back();
        log(failure);
      });
}

void Listener::drain() {
  draining_ = true;
  boost::system::error_code error;
  acceptor_.non_blocking(true, error);
  while (!error) {
    ClientStream::Socket::endpoint_type peer;
    ClientStream::Socket socket = acceptor_.accept(peer, error);
    if (!error) begin(std::move(socket), address_of(peer));
  }
  acceptor_.close(error);
  for (const auto& connection : connections_) connection->drain();
}

void Listener::abort() {
  for (const auto& connection : connections_) connection->abort();
}

}  // namespace roktcached::inbound
