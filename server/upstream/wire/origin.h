#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <random>
#include <string>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"
#include "server/upstream/wire/resolver.h"
#include "storage/body_account.h"

namespace roktcached::upstream {

/// The latest TLS session with the upstream, so that the next handshake is a short one (RFC 5246,
/// section 7.3; RFC 8446, section 2.2). A resumed handshake shows no certificate, and each brings a session
/// for the next: what is kept ends an hour after the last handshake that did show one. Belongs to the
/// upstream client's thread.
class TlsSessions {
 public:
  /// Collects the sessions of every connection made with `context`, which this object must outlive.
  void collect_from(boost::asio::ssl::context& context);
  /// Makes the handshake that `connection` is about to begin a short one, where that may be.
  void offer_to(SSL* connection, SteadyTime now);
  /// Forgets the session: the upstream has refused it, or may have.
  void forget() { latest_.reset(); }

  /// Keeps the session of a connection that is closed without close_notify; else OpenSSL would not let it be
  /// used again.
  static void keep_session_of(SSL* connection);

 private:
  struct Freer {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  static int collect(SSL* connection, SSL_SESSION* session);

  std::unique_ptr<SSL_SESSION, Freer> latest_;
  SteadyTime verified_at_;
};

/// Whether what upstream.ca_file names can be used.
/// @return configuration, naming the setting, the file and the reason
[[nodiscard]] Result<void> check_ca_file(const config::Upstream& settings);

/// The upstream as connecting needs it, built once: names and addresses, and the TLS context that verifies
/// certificate and host name. No switch turns that off. Belongs to the upstream thread; stays where it is.
class Origin {
 public:
  /// @throws std::runtime_error naming upstream.ca_file where it cannot be read
  /// @param bodies  counts what answers take; outlives it. Null: nobody does
  Origin(const boost::asio::any_io_executor& executor, const config::Upstream& settings,
         storage::BodyAccount* bodies = nullptr);
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  const config::Upstream& settings;
  storage::BodyAccount* const bodies;
  Resolver resolver;  ///< of what is connected to: the proxy, where there is one
  TlsSessions sessions;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null for plain HTTP
  std::string host_field;                          ///< Host, with the port where it is not the scheme's
  std::string host_line;                           ///< the same as a field line
  std::string authority;                           ///< host and port, as CONNECT names them
  std::minstd_rand random{std::random_device{}()};
};

}  // namespace roktcached::upstream
