#include "server/access/local_tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "core/base64.h"
#include "server/access/hmac.h"
#include "server/access/scrypt.h"

namespace roktcached::access {

namespace {

constexpr std::string_view prefix = "local.";
constexpr std::string_view derivation = "roktcached local token, version 1";
constexpr std::size_t time_size = 8;
constexpr std::size_t random_size = 10;
constexpr std::size_t payload_text = (time_size + random_size) * 4 / 3;
constexpr std::size_t code_text = 43;
constexpr std::size_t longest_name = 64;

std::string_view view_of(const Hmac::Code& code) {
  return {reinterpret_cast<const char*>(code.data()), code.size()};
}

std::string big_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// A client's own key. Each part says how long it is, so that no two clients' parts run into the same.
config::Secret key_for(const config::Secret& master_key, const config::Client& client) {
  const auto part = [](std::string_view bytes) { return big_endian(bytes.size()).append(bytes); };
  std::string message = part(derivation) + part(client.name) + part(client.certificate);
  if (client.secret_hash) {
    const config::SecretHash& hash = *client.secret_hash;
    message +=
        big_endian(hash.log2_n) + big_endian(hash.r) + big_endian(hash.p) + part(hash.salt) + part(hash.hash);
  }
  Hmac::Code code = Hmac(master_key)(message);
  config::Secret key{std::string(view_of(code))};
  explicit_bzero(code.data(), code.size());
  return key;
}

/// The parts of a token, between its dots.
struct Parts {
  std::string_view name;
  std::string_view payload;
  std::string_view code;
  std::string_view signed_text;  ///< all before the code's dot
};

std::optional<Parts> split(std::string_view token) {
  constexpr std::size_t tail = 1 + payload_text + 1 + code_text;
  if (!token.starts_with(prefix) || token.size() <= prefix.size() + tail ||
      token.size() > prefix.size() + longest_name + tail) {
    return std::nullopt;
  }
  const std::size_t name_end = token.size() - tail;
  const std::size_t code_dot = token.size() - code_text - 1;
  if (token[name_end] != '.' || token[code_dot] != '.') return std::nullopt;
  return Parts{token.substr(prefix.size(), name_end - prefix.size()),
               token.substr(name_end + 1, payload_text), token.substr(code_dot + 1),
               token.substr(0, code_dot)};
}

}  // namespace

LocalTokens::LocalTokens(const config::Secret& master_key, const std::vector<config::Client>& clients)
    : nobody_(random_bytes(32)) {
  keys_.reserve(clients.size());
  for (const auto& client : clients) keys_.push_back({client.name, key_for(master_key, client)});
}

std::string LocalTokens::issue(std::size_t client, WallTime now) const {
  const Key& key = keys_.at(client);
  const auto issued_at = static_cast<std::uint64_t>(unix_ms(now));
  std::string token(prefix);
  token.append(key.name).append(".").append(to_base64url(big_endian(issued_at) + random_bytes(random_size)));
  const Hmac::Code code = Hmac(key.key)(token);
  return token.append(".").append(to_base64url(view_of(code)));
}

std::optional<LocalTokens::Bearer> LocalTokens::verify(std::string_view token, WallTime now) const {
  const auto parts = split(token);
  if (!parts) return std::nullopt;
  const auto found = std::ranges::find(keys_, parts->name, &Key::name);
  const bool known = found != keys_.end();
  const Hmac::Code code = Hmac(known ? found->key : nobody_)(parts->signed_text);
  const auto shown = from_base64url(parts->code);
  if (!shown || shown->size() != code.size() || CRYPTO_memcmp(shown->data(), code.data(), code.size()) != 0 ||
      !known) {
    return std::nullopt;
  }
  const auto payload = from_base64url(parts->payload);
  if (!payload) return std::nullopt;
  // Ours, so its time is one.
  const std::uint64_t issued_at_unix_ms = from_big_endian(std::string_view(*payload).substr(0, time_size));
  const WallTime issued_at = wall_time_from_unix_ms(static_cast<long long>(issued_at_unix_ms));
  const WallTime expires_at = issued_at + lifetime;
  if (issued_at > now + clock_skew || now >= expires_at) return std::nullopt;
  return Bearer{static_cast<std::size_t>(found - keys_.begin()), expires_at};
}

}  // namespace roktcached::access
