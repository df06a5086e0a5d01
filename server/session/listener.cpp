#include "server/session/listener.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "server/asio.h"
#include "server/background.h"
#include "server/http/answer_head.h"
#include "server/http/problem.h"
#include "server/system_clock.h"

namespace roktcached::session {

namespace {

constexpr std::chrono::milliseconds pause_after_failed_accept{100};

constexpr int taken_in_a_row = 64;

constexpr const char* accepting = "accepting connections";

/// Whether the acceptor has a queue of its own. It has on a port that is open for sharing (SO_REUSEPORT).
/// Acceptors of a Unix socket share one queue, and so do those of a socket that another process has made.
bool has_queue_of_its_own(net::Acceptor& acceptor) {
  int shared = 0;
  socklen_t size = sizeof(shared);
  const bool known = ::getsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &shared, &size) == 0;
  return known && shared != 0;
}

/// Tells a client beyond the bound why it is turned away; best effort, without waiting for it.
void turn_away(int descriptor) {
  static const std::string body(
      *problem({ErrorCode::overloaded, true, "listen.max_connections are open"}, "").body);
  std::string answer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
      "Connection: close\r\nCross-Origin-Resource-Policy: same-origin\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n";
  http::append_date(answer, SystemClock().wall_now());
  answer.append("\r\n").append(body);
  // A connection that is closed with unread bytes is reset, and the client may lose the answer (RFC 9112,
  // section 9.6).
  std::array<char, 16 * 1024> request;
  const ssize_t received = ::recv(descriptor, request.data(), request.size(), MSG_DONTWAIT);
  if (received > 0) explicit_bzero(request.data(), static_cast<std::size_t>(received));  // of secrets, too
  (void)!::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL);
}

}  // namespace

bool ConnectionBudget::take() {
  if (open_.fetch_add(1, std::memory_order_relaxed) < max_.load(std::memory_order_relaxed)) return true;
  give_back();
  return false;
}

Listener::Listener(net::Acceptor acceptor, const ServerContext& server, ConnectionBudget& budget,
                   std::shared_ptr<asio::ssl::context> tls)
    : acceptor_(std::move(acceptor)),
      server_(server),
      budget_(budget),
      tls_(std::move(tls)),
      accepted_in_a_row_(has_queue_of_its_own(acceptor_) ? taken_in_a_row : 1) {
  acceptor_.non_blocking(true);
}

void Listener::start() {
  const auto go_on = [this](bool failed) {
    if (!failed || draining_ || retired_) return;
    std::this_thread::sleep_for(pause_without_memory);
    post_with_retry(acceptor_.get_executor(), [this] { start(); });
  };
  retry_until_done(accepting,
                   [&] { spawn_watched(acceptor_.get_executor(), accept_loop(), accepting, go_on); });
}

asio::awaitable<void> Listener::accept_loop() {
  while (!draining_ && !retired_) {
    const auto [failed] = co_await acceptor_.async_wait(net::Acceptor::wait_read, as_result);
    if (retired_) co_return;
    const auto error = failed ? failed : accept_or_log();
    const bool goes_on = !error || error == asio::error::would_block ||
                         error == asio::error::connection_aborted || error == asio::error::operation_aborted;
    if (goes_on) continue;
    // Out of memory, or of descriptors in spite of the reserve: they come back when connections end.
    asio::steady_timer pause(acceptor_.get_executor(), pause_after_failed_accept);
    co_await pause.async_wait(as_result);
  }
}

/// Memory that fails costs who was to be accepted, and nobody else.
boost::system::error_code Listener::accept_or_log() noexcept {
  try {
    return accept_now();
  } catch (...) {
    log_failure(accepting, std::current_exception());
    return asio::error::no_memory;
  }
}

boost::system::error_code Listener::accept_now() {
  for (int i = 0; i < accepted_in_a_row_; ++i) {
    net::ClientStream::Protocol::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    Descriptor descriptor(
        ::accept4(acceptor_.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (descriptor.get() < 0) return {errno, boost::system::system_category()};
    peer.resize(size);
    begin({acceptor_.get_executor(), std::move(descriptor), peer, tls_});
  }
  return {};
}

void Listener::renew(std::shared_ptr<asio::ssl::context> tls) {
  if (tls_) tls_ = std::move(tls);
}

/// If memory fails here, this connection is lost, and nothing else.
void Listener::begin(ClientConnection::Accepted accepted) {
  if (!budget_.take()) {
    if (!tls_) turn_away(accepted.descriptor.get());
    return;
  }
  Registrar& registrar = *this;
  std::shared_ptr<ClientConnection> connection;
  try {
    connection = std::make_shared<ClientConnection>(std::move(accepted), server_, registrar);
    connections_.insert(connection);
  } catch (...) {
    log_failure("beginning a connection", std::current_exception());
    return budget_.give_back();
  }
  if (draining_) connection->drain();  // it was accepted before, and is begun after
  connection->start();
}

void Listener::ended(ClientConnection& connection) {
  if (connections_.erase(connection.shared_from_this()) > 0) budget_.give_back();
}

void Listener::retire() {
  retired_ = true;
  boost::system::error_code error;
  acceptor_.close(error);
  for (const auto& connection : connections_) connection->retire();
}

void Listener::drain() {
  draining_ = true;
  boost::system::error_code error;
  while (!error && !retired_) error = accept_or_log();
  acceptor_.close(error);
  server_.hangups.drain();
  for (const auto& connection : connections_)
    retry_until_done("draining a connection", [&] { connection->drain(); });
}

void Listener::abort() {
  for (const auto& connection : connections_)
    retry_until_done("ending a connection", [&] { connection->abort(); });
}

}  // namespace roktcached::session
