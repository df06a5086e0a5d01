#include "server/access/hmac.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <stdexcept>
#include <string>

namespace roktcached::access {

namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void check(int done) {
  if (done != 1) throw std::runtime_error("HMAC-SHA256 is missing in OpenSSL");
}

}  // namespace

Hmac::Hmac(const config::Secret& key) {
  const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                               EVP_MAC_free);
  context_.reset(algorithm ? EVP_MAC_CTX_new(algorithm.get()) : nullptr);
  check(context_ ? 1 : 0);
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_end()};
  check(EVP_MAC_init(context_.get(), bytes_of(key.reveal()), key.reveal().size(), parameters));
}

void Hmac::begin() {
  check(EVP_MAC_init(context_.get(), nullptr, 0, nullptr));
}

void Hmac::update(std::string_view part) {
  check(EVP_MAC_update(context_.get(), bytes_of(part), part.size()));
}

Hmac::Code Hmac::end() {
  Code code;
  std::size_t size = 0;
  check(EVP_MAC_final(context_.get(), code.data(), &size, code.size()));
  return code;
}

}  // namespace roktcached::access
