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
// whichever process takes it. Once the next process can serve, it says so. The former one accepts nothing
// more, answers what is under way, writes out what is queued, and ends. If the next process ends without
// saying so, nothing has changed.
//
// On the wire: the version, one byte, then a byte for each message with sockets, then '.'; back comes 's'.
// The former process answers 'k' when it knows of the next one, and not before that does the next one serve
// anybody. From then on the connection is a HandoverLink. A process that has no link closes the connection
// instead.

/// Before the messages of the link.
inline constexpr char knows_of_next = 'k';

/// The process before this one, which goes on serving until it is told. Belongs to one thread.
class Predecessor {
 public:
  /// Asks the process that listens on `path` for its sockets, within some seconds.
  /// @return nothing if nobody listens there; unavailable if it does not answer as it should
  [[nodiscard]] static Result<std::optional<Predecessor>> ask(const std::string& path);

  /// Its sockets; once.
  [[nodiscard]] net::InheritedSockets take_sockets() { return std::move(sockets_); }
  /// This process is about to serve: the former one is to end. Waits until it knows that, for some seconds.
  /// @return the connection to it, for a link; nothing if it has gone, or has no link
  [[nodiscard]] std::optional<Descriptor> dismiss();

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
  /// @param handed_over called once, when the next process is about to serve, with the connection to it.
  /// Sends
  ///                    knows_of_next on it
  HandoverListener(boost::asio::io_context& context, net::UnixSocket socket, const net::SocketCopies& sockets,
                   std::function<void(Descriptor)> handed_over);
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
  const std::function<void(Descriptor)> handed_over_;
  std::optional<net::Acceptor> acceptor_;
  bool is_shared_ = false;
  bool stopped_ = false;
};

}  // namespace roktcached
