#pragma once

#include <openssl/types.h>

#include <optional>
#include <vector>

#include "config/settings.h"

namespace roktcached::access {

/// Whose certificate it is: the first client whose `certificate` is a common name of the subject, or a DNS
/// name among the subjectAltNames, byte for byte. No name with a NUL in it is anybody's, and '*' stands for
/// itself. That the certificate is one of the client CA's is the TLS handshake's to see to.
/// @param certificate  may be null: nobody's
[[nodiscard]] std::optional<std::size_t> client_of_certificate(X509* certificate,
                                                               const std::vector<config::Client>& clients);

}  // namespace roktcached::access
