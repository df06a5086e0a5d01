#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::inbound {

/// What a listener with TLS (1.2 or later) shows its clients and asks of them: certificate and key as the
/// files are now, and the authority that clients' certificates must descend from, where there is one.
/// @return configuration, naming the setting, the file and what OpenSSL says of it
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const config::ListenTls& settings);

}  // namespace roktcached::inbound
