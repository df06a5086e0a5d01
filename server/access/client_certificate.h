#pragma once

#include <openssl/types.h>

#include <optional>
#include <vector>

#include "config/settings.h"

namespace roktcached::access {

/// Finds the first client whose `certificate` is a common name of the subject, or a DNS name among the
/// subjectAltNames, byte for byte. A name with a NUL in it is nobody's, and '*' stands for itself. The TLS
/// handshake has checked that the certificate comes from the client CA.
/// @param certificate  may be null: nobody's
[[nodiscard]] std::optional<std::size_t> client_of_certificate(X509* certificate,
                                                               const std::vector<config::Client>& clients);

}  // namespace roktcached::access
