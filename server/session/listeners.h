#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"
#include "server/net/inherited_sockets.h"
#include "server/net/listening_socket.h"
#include "server/session/client_connection.h"
#include "server/session/listener.h"

namespace roktcached::session {

/// The sockets that this process shares with others; each may be null, and is used during Listeners::open
/// alone.
struct SharedSockets {
  net::InheritedSockets* inherited =
      nullptr;                          ///< where an address finds its sockets, instead of opening them
  net::SocketCopies* copies = nullptr;  ///< gets one of every socket, for the process after this one
};

/// All addresses that clients connect to. Each has a listener on every thread that serves clients. The
/// methods are for the thread that owns this object; each listener lives on its own thread.
class Listeners {
 public:
  /// A thread that serves clients, and what its connections serve.
  struct Thread {
    boost::asio::io_context& context;
    ServerContext server;
  };

  /// Opens every address of `settings`; nothing is accepted yet.
  /// @param budget, threads  outlive the object
  /// @param section  that the settings stand in, for messages: "listen" or "health"
  /// @return configuration, or unavailable if an address is taken
  [[nodiscard]] static Result<std::unique_ptr<Listeners>> open(const config::Listen& settings,
                                                               ConnectionBudget& budget,
                                                               std::vector<Thread> threads,
                                                               const SharedSockets& shared = {},
                                                               std::string section = "listen");

  void start();
  /// See Listener::retire: another process listens on the same sockets. Leaves the paths, too.
  void hand_over();
  /// Leaves the files of Unix sockets: they belong to another process now.
  void leave_paths();
  /// Takes over the files of Unix sockets: the process that the sockets were inherited from is about to end.
  void own_paths();
  /// See Listener::drain.
  void drain();
  void abort();
  /// Takes another certificate and what goes with it, for connections from now on.
  /// @param tls  of make_tls_context; of no effect where no address has TLS
  void renew(const std::shared_ptr<boost::asio::ssl::context>& tls);
  /// An address that clients connect to.
  struct Address {
    std::string text;  ///< "127.0.0.1:8080", with the port that it has, or "unix:/PATH"
    bool tls = false;
  };
  [[nodiscard]] std::vector<Address> addresses() const;
  /// When the certificate in force expires; nothing if no address has TLS.
  [[nodiscard]] std::optional<WallTime> certificate_expiry() const { return certificate_expiry_; }

 private:
  using Tls = std::shared_ptr<boost::asio::ssl::context>;

  Listeners(const config::Listen& settings, ConnectionBudget& budget, std::vector<Thread> threads,
            const SharedSockets& shared, std::string section);
  Result<void> open_inherited(const boost::asio::ip::tcp::endpoint& endpoint, const Tls& tls);
  Result<net::UnixSocket> open_unix_socket(const std::string& path);
  Result<void> open_tcp(const config::Endpoint& address, const Tls& tls);
  Result<void> open_tcp(const boost::asio::ip::tcp::endpoint& endpoint, const Tls& tls);
  Result<void> open_unix(const config::Endpoint& address);
  void add(std::size_t thread, net::Acceptor acceptor, const Tls& tls);
  template <class Action>
  void on_each(Action action);

  const config::Listen settings_;
  ConnectionBudget& budget_;
  const std::vector<Thread> threads_;
  SharedSockets shared_;
  const std::string section_;
  std::optional<WallTime> certificate_expiry_;
  std::vector<std::vector<std::unique_ptr<Listener>>> listeners_;  // of each thread
  std::vector<std::pair<boost::asio::ip::tcp::endpoint, Tls>> open_;
  std::vector<net::UnixSocket> unix_sockets_;
};

}  // namespace roktcached::session
