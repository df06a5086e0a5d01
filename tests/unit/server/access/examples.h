#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "config/settings.h"
#include "core/base64.h"
#include "server/access/scrypt.h"

namespace roktcached::access {

/// scrypt at its cheapest: some 3 ms.
inline constexpr unsigned cheap = 10;

inline config::Client client_with(std::string name, std::string_view secret, unsigned log2_n = cheap) {
  config::Client client;
  client.name = std::move(name);
  client.secret_hash = hash_secret(secret, log2_n);
  return client;
}

inline config::Client client_with_certificate(std::string name, std::string certificate) {
  config::Client client;
  client.name = std::move(name);
  client.certificate = std::move(certificate);
  return client;
}

/// Base64 with its padding, as Basic has it.
inline std::string base64(std::string_view bytes) {
  std::string text = to_base64url(bytes);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return text + std::string((4 - text.size() % 4) % 4, '=');
}

}  // namespace roktcached::access
