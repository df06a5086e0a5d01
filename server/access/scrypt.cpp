#include "server/access/scrypt.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "config/secret.h"

namespace roktcached::access {

namespace {

constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

/// `size` bytes made of `secret` as `parameters` say.
config::Secret derive(const config::SecretHash& parameters, std::string_view secret, std::size_t size) {
  std::string derived(size, '\0');
  // Besides the large block there are p + 2 small ones.
  const std::uint64_t most =
      parameters.memory() + std::uint64_t{128} * parameters.r * (std::uint64_t{parameters.p} + 2);
  const int done = EVP_PBE_scrypt(secret.data(), secret.size(),
                                  reinterpret_cast<const unsigned char*>(parameters.salt.data()),
                                  parameters.salt.size(), std::uint64_t{1} << parameters.log2_n, parameters.r,
                                  parameters.p, most, reinterpret_cast<unsigned char*>(derived.data()), size);
  if (done == 1) return config::Secret(std::move(derived));
  ERR_clear_error();
  throw std::bad_alloc();
}

}  // namespace

std::optional<std::string_view> why_no_secret(std::string_view text) {
  constexpr std::size_t least = 16;
  constexpr std::size_t most = 1024;
  if (text.size() < least) return "the secret is shorter than 16 characters";
  if (text.size() > most) return "the secret is longer than 1024 characters";
  if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; }))
    return "the secret has characters that are not visible ASCII";
  if (text.find(':') != std::string_view::npos) return "the secret has a ':', which ends a name";
  return std::nullopt;
}

config::SecretHash hash_secret(std::string_view secret, unsigned log2_n) {
  config::SecretHash result;
  result.log2_n = log2_n;
  result.salt = random_bytes(salt_size);
  result.hash = derive(result, secret, hash_size).reveal();
  return result;
}

bool matches(const config::SecretHash& hash, std::string_view secret) {
  const config::Secret derived = derive(hash, secret, hash.hash.size());
  return CRYPTO_memcmp(derived.reveal().data(), hash.hash.data(), hash.hash.size()) == 0;
}

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1)
    throw std::runtime_error("the system gives no random bytes");
  return bytes;
}

}  // namespace roktcached::access
