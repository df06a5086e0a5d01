#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "core/descriptor.h"
#include "core/error.h"

namespace roktcached::net {

using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

/// The endpoints of an address: one, or the two of "localhost", IPv4's first.
/// @return configuration if the host is no IP address
[[nodiscard]] Result<std::vector<boost::asio::ip::tcp::endpoint>> to_endpoints(
    const config::Endpoint& address);

/// The same, without a loopback that this machine does not have: IPv6 may be missing or switched off.
[[nodiscard]] Result<std::vector<boost::asio::ip::tcp::endpoint>> endpoints_here(
    const config::Endpoint& address);

/// "127.0.0.1:8080", "[::1]:8080".
[[nodiscard]] std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

/// The loopback that this machine does not have, with the reason; empty if it has both.
[[nodiscard]] std::optional<std::string> missing_loopback();

/// Takes every endpoint alone for a moment, which tells whether it is free. Endpoints without a port all get
/// the same free one.
/// @return as open_listener
[[nodiscard]] Result<void> settle_ports(std::vector<boost::asio::ip::tcp::endpoint>& endpoints);

/// Opens a listening socket on `endpoint`.
/// @param shared  several listeners of this process share the port, the kernel spreads the connections
/// (SO_REUSEPORT)
/// @return it, and its endpoint with the port that it has; or unavailable, naming the address, e.g.
///         "127.0.0.1:8080: Address already in use"
[[nodiscard]] Result<std::pair<Acceptor, boost::asio::ip::tcp::endpoint>> open_listener(
    const boost::asio::any_io_executor& executor, const boost::asio::ip::tcp::endpoint& endpoint,
    bool shared);

/// An acceptor on a copy of a listening socket that another process has made, with the options that
/// open_listener gives. A Unix socket has none.
/// @return unavailable
[[nodiscard]] Result<Acceptor> acceptor_on(const boost::asio::any_io_executor& executor, int listening);

/// Whether a socket can be given to that group: it is there, and we are root or a member.
/// @param group  empty: the process's own
/// @return configuration, naming listen.unix_group
[[nodiscard]] Result<void> check_unix_group(const std::string& group);

/// A Unix socket that others connect to by a path. The file goes with the object, unless somebody has put
/// another one there, or it is another process's.
class UnixSocket {
 public:
  /// Takes over a socket that another process has made. The file stays, until own_path().
  [[nodiscard]] static UnixSocket adopt(const std::string& path, Descriptor listening);

  /// The file goes with the object from now on: the process that has made it is about to end.
  void own_path();
  /// Gives the file to those who may connect, as open() does.
  /// @return configuration, or unavailable
  [[nodiscard]] Result<void> give_to(mode_t mode, const std::string& group) const;
  /// Whether only its owner can connect: a socket that another process has made for us may be open to more.
  /// @return configuration, naming the file's mode
  [[nodiscard]] Result<void> check_owner_only() const;
  /// The file stays: another process listens on the same socket.
  void leave_path() { inode_ = 0; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// Takes the path. A socket there that nobody listens on is replaced; anything else is left alone. If
  /// several processes do so at once, one of them gets it. Meanwhile there is a file PATH.lock beside it.
  /// @param mode   of the file, which says who may connect
  /// @param group  of the file; empty: the process's own
  /// @return unavailable if it is in use, else configuration
  [[nodiscard]] static Result<UnixSocket> open(const std::string& path, mode_t mode,
                                               const std::string& group);

  /// Refuses what open() would, except a socket in use, and makes nothing.
  /// @return configuration
  [[nodiscard]] static Result<void> check(const std::string& path);

  /// Whether the path is free, or has a socket on it that nobody listens on.
  /// @return unavailable if it is in use, else configuration
  [[nodiscard]] static Result<void> check_free(const std::string& path);

  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&&) = delete;
  ~UnixSocket();

  /// One more acceptor on it: each thread has its own.
  [[nodiscard]] Result<Acceptor> acceptor(const boost::asio::any_io_executor& executor) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit UnixSocket(std::string path) : path_(std::move(path)) {}

  std::string path_;
  int descriptor_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace roktcached::net
