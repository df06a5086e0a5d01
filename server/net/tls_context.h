#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"

namespace roktcached::net {

enum class PrivateKey { read, skip };

/// The context of a listener with TLS (1.2 or later): certificate and key as the files are now, and the
/// authority that clients' certificates must come from, if there is one.
/// @param key  skip: the context is for looking at the certificates alone
/// @param section  that they are set in, for errors: "listen.tls", "health.tls"
/// @return configuration, naming the setting, the file and what OpenSSL says of it
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const config::ListenTls& settings, PrivateKey key = PrivateKey::read,
    const std::string& section = "listen.tls");

/// The files of a connection with TLS that we begin. Each may be empty.
struct ClientTlsFiles {
  std::string ca_file;           ///< PEM; empty: the system's certificates
  std::string certificate_file;  ///< PEM, the chain that we show
  std::string key_file;          ///< PEM; set where certificate_file is
};

/// The context for a server with TLS (1.2 or later): the certificate that we show, and the `ca_file` that the
/// server's certificate must come from. The caller compares the host name, which differs by connection.
/// @param key, section  as above
/// @return configuration, naming the setting, the file and what OpenSSL says of it
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_client_tls_context(
    const ClientTlsFiles& files, PrivateKey key, const std::string& section);

/// A line for the operator if the certificate is not valid now. Clients will refuse it, but it may be renewed
/// while we run.
[[nodiscard]] std::optional<std::string> certificate_warning(boost::asio::ssl::context& context,
                                                             const config::ListenTls& settings,
                                                             const std::string& section = "listen.tls");

/// When the listener's own certificate expires; nothing if the context has none.
[[nodiscard]] std::optional<WallTime> certificate_expiry(boost::asio::ssl::context& context);

}  // namespace roktcached::net
