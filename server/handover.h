#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
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
// The former process answers 'k' when it knows of the next one, and has written to the cache file what
// clients' writes had made invalid by then. The next one serves nobody before that, unless the former one
// hangs. From 's' on the connection is a HandoverLink, but for the 'k'. A process that no longer waits for
// the next one says 'x' and goes on. One that is itself taking over says 'w' before the version, and goes on
// when the process before it has ended.

/// Before the messages of the link.
inline constexpr char knows_of_next = 'k';

/// The state of the process before this one, at the moment when this one can serve.
enum class Former {
  knows,      ///< that this one serves, and ends
  hangs,      ///< has not said that it knows; when it goes on it learns of this one first
  has_ended,  ///< without a link
  goes_on     ///< has given this one up, and serves
};
struct Dismissal {
  Former former = Former::has_ended;
  Descriptor connection = Descriptor(-1);  ///< for a link, where it knows or hangs
};

/// The process before this one, which goes on serving until it is told. Belongs to one thread.
class Predecessor {
 public:
  /// Asks the process that listens on `path` for its sockets, within some seconds; where it is itself taking
  /// over, within half a minute.
  /// @return nothing if nobody listens there; unavailable if it does not answer as it should
  [[nodiscard]] static Result<std::optional<Predecessor>> ask(const std::string& path);

  /// Its sockets; once.
  [[nodiscard]] net::InheritedSockets take_sockets() { return std::move(sockets_); }
  /// This process is about to serve: the former one is to end. Waits until it knows that, for some seconds.
  /// To be called once.
  [[nodiscard]] Dismissal dismiss();

 private:
  Predecessor(Descriptor connection, net::InheritedSockets sockets)
      : connection_(std::move(connection)), sockets_(std::move(sockets)) {}

  Descriptor connection_;
  net::InheritedSockets sockets_;
};

/// Waits for the process after this one. Belongs to the thread of its context.
class HandoverListener {
 public:
  struct Handler {
    /// Called once, when the next process is about to serve, with the connection to it. Sends knows_of_next
    /// on it.
    std::function<void(Descriptor)> handed_over = {};
    /// Whether this process has all from the one before it. Until then whoever asks waits: of three processes
    /// at once the last could have the cache file before the second has written to it.
    std::function<bool()> may_begin = [] { return true; };
    /// How long the next process may take from its sockets until it serves.
    std::chrono::milliseconds longest_start = std::chrono::minutes(1);
  };

  /// @param socket      what it listens on
  /// @param sockets     all that are handed over; outlives this
  HandoverListener(boost::asio::io_context& context, net::UnixSocket socket, const net::SocketCopies& sockets,
                   Handler handler);
  ~HandoverListener();
  HandoverListener(const HandoverListener&) = delete;
  HandoverListener& operator=(const HandoverListener&) = delete;

  /// @return unavailable
  [[nodiscard]] Result<void> start();
  /// Nobody can connect any more. A process that has the sockets already can still say that it serves.
  void stop();
  /// Nobody is waited for any more. To be called after stop().
  void close() { closed_ = true; }
  /// Another process has copies of the sockets, and may serve by now: the files of Unix sockets are to stay.
  [[nodiscard]] bool is_shared() const { return is_shared_; }
  /// @pre stop() was not called
  [[nodiscard]] net::UnixSocket& socket() { return *socket_; }

 private:
  boost::asio::awaitable<void> wait_for_successors();
  boost::asio::awaitable<bool> wait_for_turn(int connection);
  boost::asio::awaitable<bool> hand_over_to(int connection);

  boost::asio::io_context& context_;
  std::optional<net::UnixSocket> socket_;
  const net::SocketCopies& sockets_;
  const Handler handler_;
  std::optional<net::Acceptor> acceptor_;
  bool is_shared_ = false;
  bool stopped_ = false;
  bool closed_ = false;
};

}  // namespace roktcached
