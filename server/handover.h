#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/descriptor.h"
#include "core/error.h"
#include "server/net/inherited_sockets.h"

namespace roktcached {

// How a process hands its listening sockets over to the next one, over the Unix socket
// listen.handover_socket. The next process connects, and gets copies of all listening sockets (SCM_RIGHTS,
// unix(7)), that of the hand-over itself among them. Then both listen: a connection is in one queue,
// whichever process takes it. Once the next process serves, it says so. The former one accepts nothing more,
// answers what is under way, writes out what is queued, and ends. If the next process ends without saying so,
// nothing has changed.

/// The process before this one, which goes on serving until it is told. Belongs to one thread.
class Predecessor {
 public:
  /// Asks the process that listens on `path` for its sockets, within some seconds.
  /// @return nothing if nobody listens there; unavailable if it does not answer as it should
  [[nodiscard]] static Result<std::optional<Predecessor>> ask(const std::string& path);

  /// Its sockets; once.
  [[nodiscard]] net::InheritedSockets take_sockets() { return std::move(sockets_); }
  /// This process serves: the former one is to end.
  /// @return false if it has gone already
  bool dismiss();

 private:
  Predecessor(Descriptor connection, net::InheritedSockets sockets)
      : connection_(std::move(connection)), sockets_(std::move(sockets)) {}

  Descriptor connection_;
  net::InheritedSockets sockets_;
};

/// Waits for the process after this one. Belongs to the thread of its context.
class HandoverListener {
 public:
  /// @param socket      what it listens on
  /// @param sockets     all that are handed over; outlives this
  /// @param handed_over called once, when the next process serves
  HandoverListener(boost::asio::io_context& context, net::UnixSocket socket, const net::SocketCopies& sockets,
                   std::function<void()> handed_over);
  ~HandoverListener();
  HandoverListener(const HandoverListener&) = delete;
  HandoverListener& operator=(const HandoverListener&) = delete;

  /// @return unavailable
  [[nodiscard]] Result<void> start();
  /// Nobody is waited for any more, and nobody can connect.
  void stop();
  /// Another process has copies of the sockets, and may serve by now: the files of Unix sockets are to stay.
  [[nodiscard]] bool is_shared() const { return is_shared_; }
  /// @pre stop() was not called
  [[nodiscard]] net::UnixSocket& socket() { return *socket_; }

 private:
  boost::asio::awaitable<void> wait_for_successors();
  boost::asio::awaitable<bool> hand_over_to(int connection);

  boost::asio::io_context& context_;
  std::optional<net::UnixSocket> socket_;
  const net::SocketCopies& sockets_;
  const std::function<void()> handed_over_;
  std::optional<net::Acceptor> acceptor_;
  bool is_shared_ = false;
  bool stopped_ = false;
};

}  // namespace roktcached
