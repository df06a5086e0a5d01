#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <unordered_set>

#include "server/net/listening_socket.h"
#include "server/session/client_connection.h"

namespace roktcached::session {

/// A bound on the connections of all listeners together. Safe from any thread.
class ConnectionBudget {
 public:
  explicit ConnectionBudget(std::size_t max) : max_(max) {}
  [[nodiscard]] bool take();
  void give_back() { open_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t open() const { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t max() const { return max_.load(std::memory_order_relaxed); }
  /// Counts for new connections. Open ones stay, even beyond the bound.
  void set_max(std::size_t max) { max_.store(max, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> open_{0};
  std::atomic<std::size_t> max_;
};

/// Accepts connections on one socket and keeps a register of them. Belongs to one thread: that of its
/// executor.
class Listener final : private Registrar {
 public:
  /// @param server  what it refers to outlives the listener and its connections
  /// @param budget  outlives them too
  /// @param tls     null: none
  Listener(net::Acceptor acceptor, const ServerContext& server, ConnectionBudget& budget,
           std::shared_ptr<boost::asio::ssl::context> tls = nullptr);

  void start();
  /// Takes another TLS context for new connections; open ones keep theirs. Of no effect without TLS.
  void renew(std::shared_ptr<boost::asio::ssl::context> tls);
  /// Accepts what the kernel has queued, then nothing more. Every connection ends after its current answer.
  void drain();
  /// Accepts nothing more: another process accepts what the kernel has queued. Connections end after their
  /// next answer; drain() ends those that stay idle.
  void retire();
  /// Ends every connection now.
  void abort();

 private:
  boost::asio::awaitable<void> accept_loop();
  /// Accepts what has come, and begins to serve it.
  /// @return would_block where that was all
  boost::system::error_code accept_now();
  boost::system::error_code accept_or_log() noexcept;
  void begin(ClientConnection::Accepted accepted);
  void ended(ClientConnection& connection) override;

  net::Acceptor acceptor_;
  const ServerContext server_;
  ConnectionBudget& budget_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::unordered_set<std::shared_ptr<ClientConnection>> connections_;
  /// How many connections are accepted in a row, so that the others of the thread have their turn, too. One
  /// if threads share a queue, so that each has its share.
  const int accepted_in_a_row_;
  bool draining_ = false;
  bool retired_ = false;
};

}  // namespace roktcached::session
