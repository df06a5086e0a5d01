#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"
#include "server/net/listening_socket.h"

namespace roktcached::net {

/// Listening sockets that another process has made, so that no connection is refused while processes change.
/// The other process is systemd, for socket activation (sd_listen_fds(3)), or the process before (see
/// server/handover.h). Each address takes its own; a socket that is left in the end would be served by
/// nobody. Belongs to the thread that opens listeners.
class InheritedSockets {
 public:
  /// The process that goes on listening on a Unix socket's path after us. It decides whether the file may be
  /// deleted at our end.
  enum class Origin { service_manager, former_process };

  /// None.
  InheritedSockets() = default;
  /// @param names  of each for messages; may be shorter
  /// @return configuration if one is no listening stream socket
  [[nodiscard]] static Result<InheritedSockets> of(Origin origin, std::vector<Descriptor> descriptors,
                                                   const std::vector<std::string>& names = {});
  /// The sockets of $LISTEN_FDS, if $LISTEN_PID says that they are this process's: descriptors from 3 on,
  /// named by $LISTEN_FDNAMES. Call it once: it owns them from then on.
  [[nodiscard]] static Result<InheritedSockets> from_environment();

  [[nodiscard]] bool has(const boost::asio::ip::tcp::endpoint& endpoint) const;
  [[nodiscard]] bool has(const std::string& unix_path) const;
  /// The sockets of that endpoint; empty: none.
  [[nodiscard]] std::vector<Descriptor> take(const boost::asio::ip::tcp::endpoint& endpoint);
  /// The socket of that path. If its maker has ended, its file counts as our own, and is deleted in the end.
  [[nodiscard]] std::optional<UnixSocket> take(const std::string& unix_path);
  [[nodiscard]] Origin origin() const { return origin_; }
  /// Addresses of the sockets that nobody has taken, each once: "127.0.0.1:8080 (roktcached.socket)".
  [[nodiscard]] std::vector<std::string> left() const;

 private:
  struct Socket {
    Descriptor descriptor;
    std::string address;  // "127.0.0.1:8080", or "unix:/PATH"
    std::string name;
  };
  [[nodiscard]] bool has_address(std::string_view address) const;
  std::vector<Descriptor> take_address(std::string_view address);

  Origin origin_ = Origin::service_manager;
  std::vector<Socket> sockets_;
};

/// An acceptor for each executor, and for each socket, on copies of these sockets: several of one socket
/// share its queue. They get the options that open_listener gives.
/// @param executors  one or more
/// @param add        gets the place of the executor, and its acceptor
/// @return unavailable
[[nodiscard]] Result<void> share_out(const std::vector<Descriptor>& sockets,
                                     const std::vector<boost::asio::any_io_executor>& executors,
                                     const std::function<void(std::size_t, Acceptor)>& add);

/// Copies of listening sockets, for the process after this one. While one is open, the socket listens.
class SocketCopies {
 public:
  void add(int descriptor);
  [[nodiscard]] std::vector<int> descriptors() const;
  void close() { copies_.clear(); }

 private:
  std::vector<Descriptor> copies_;
};

}  // namespace roktcached::net
