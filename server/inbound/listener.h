#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <unordered_set>

#include "core/error.h"
#include "server/inbound/connection.h"
#include "server/inbound/limits.h"
#include "server/inbound/message.h"

namespace roktcached::inbound {

/// A bound on the connections of all listeners together. Safe from any thread.
class ConnectionBudget {
 public:
  explicit ConnectionBudget(std::size_t max) : max_(max) {}
  [[nodiscard]] bool take();
  void give_back() { open_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> open_{0};
  const std::size_t max_;
};

/// Opens a listening socket on `endpoint`.
/// @param shared  several listeners of this process share the port, the kernel spreads the connections
/// (SO_REUSEPORT)
/// @return unavailable, naming the address, e.g. "127.0.0.1:8080: Address already in use"
[[nodiscard]] Result<boost::asio::ip::tcp::acceptor> open_listener(
    const boost::asio::any_io_executor& executor, const boost::asio::ip::tcp::endpoint& endpoint,
    bool shared);

/// Accepts connections on one socket and keeps a register of them. Belongs to one thread: that of its
/// executor.
class Listener {
 public:
  /// @param limits, handler, budget  outlive the listener and its connections
  Listener(boost::asio::ip::tcp::acceptor acceptor, const Limits& limits, Handler& handler,
           ConnectionBudget& budget);

  void start();
  /// Accepts what the kernel has queued, then nothing more; every connection ends after the answer at hand.
  void drain();
  /// Ends every connection now.
  void abort();

 private:
  boost::asio::awaitable<void> accept_loop();
  void begin(boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::acceptor acceptor_;
  const Limits& limits_;
  Handler& handler_;
  ConnectionBudget& budget_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  bool draining_ = false;
};

}  // namespace roktcached::inbound
