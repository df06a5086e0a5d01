#include "server/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <string_view>

#include "config/private_file.h"

namespace roktcached::net {

namespace ssl = boost::asio::ssl;

namespace {

constexpr std::size_t max_key_file = 64 * 1024;

Error unusable(std::string context) {
  return {.code = ErrorCode::configuration, .context = std::move(context)};
}

/// With what OpenSSL says of the matter, which never holds a part of a key.
Error openssl_error(const std::string& what) {
  std::array<char, 256> text{};
  const unsigned long first = ERR_get_error();
  ERR_error_string_n(first, text.data(), text.size());
  ERR_clear_error();
  return unusable(what + ": " + (first == 0 ? "cannot be read" : text.data()));
}

/// There is nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

/// Checks a file that OpenSSL itself opens.
Result<void> check_file(const std::string& key, const std::string& file) {
  const auto checked = config::check_readable_file(file);
  return checked ? Result<void>() : unusable(key + ": " + checked.error().context);
}

Result<void> use_key(SSL_CTX* context, const std::string& file, const std::string& section) {
  const auto pem = config::read_private_file(file, max_key_file);
  if (!pem) return unusable(section + ".key_file: " + pem.error().context);
  const std::string_view text = config::without_byte_order_mark(pem->reveal());
  const std::unique_ptr<BIO, decltype(&BIO_free)> source(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key) return openssl_error(section + ".key_file: " + file);
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return openssl_error(section + ".key_file: " + file + ": does not belong to " + section +
                         ".certificate_file");
  return {};
}

Result<void> ask_for_certificates(SSL_CTX* context, const config::ListenTls& settings,
                                  const std::string& section) {
  if (settings.client_ca_file.empty()) return {};
  const std::string setting = section + ".client_ca_file";
  const auto checked = check_file(setting, settings.client_ca_file);
  if (!checked) return checked.error();
  const char* const file = settings.client_ca_file.c_str();
  if (SSL_CTX_load_verify_file(context, file) != 1)
    return openssl_error(setting + ": " + settings.client_ca_file);
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(file);
  if (names == nullptr) return openssl_error(setting + ": " + settings.client_ca_file);
  SSL_CTX_set_client_CA_list(context, names);
  const int required = settings.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  static constexpr std::array<unsigned char, 10> id = {'r', 'o', 'k', 't', 'c', 'a', 'c', 'h', 'e', 'd'};
  SSL_CTX_set_session_id_context(context, id.data(), id.size());
  return {};
}

/// HTTP/1.1 is all that is spoken (RFC 7301); who offers only others is refused.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::string_view ours = "\x08http/1.1";
  const std::string_view list(reinterpret_cast<const char*>(offered), offered_size);
  for (std::size_t at = 0; at < list.size(); at += 1U + static_cast<unsigned char>(list[at])) {
    if (list.substr(at, ours.size()) != ours) continue;
    *chosen = offered + at + 1;
    *size = static_cast<unsigned char>(ours.size() - 1);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const config::ListenTls& settings, PrivateKey key,
                                                       const std::string& section) {
  ERR_clear_error();
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const context = made->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  // For TLS 1.2, only ciphers with forward secrecy and authenticated encryption (RFC 9325, section 4.2). TLS
  // 1.3 has no others.
  if (SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return openssl_error(section + ": no cipher suites");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  const std::string certificate = section + ".certificate_file";
  const auto checked = check_file(certificate, settings.certificate_file);
  if (!checked) return checked.error();
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1)
    return openssl_error(certificate + ": " + settings.certificate_file);
  const auto used = key == PrivateKey::read ? use_key(context, settings.key_file, section) : Result<void>();
  if (!used) return used.error();
  if (const auto asked = ask_for_certificates(context, settings, section); !asked) return asked.error();
  return made;
}

Result<std::shared_ptr<ssl::context>> make_client_tls_context(const ClientTlsFiles& files, PrivateKey key,
                                                              const std::string& section) {
  ERR_clear_error();
  auto made = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX* const context = made->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const std::string authority = section + ".ca_file";
  if (files.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return openssl_error(authority);
  } else {
    if (const auto checked = check_file(authority, files.ca_file); !checked) return checked.error();
    if (SSL_CTX_load_verify_file(context, files.ca_file.c_str()) != 1)
      return openssl_error(authority + ": " + files.ca_file);
  }
  if (files.certificate_file.empty()) return made;
  const std::string certificate = section + ".certificate_file";
  if (const auto checked = check_file(certificate, files.certificate_file); !checked) return checked.error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1)
    return openssl_error(certificate + ": " + files.certificate_file);
  if (key == PrivateKey::skip) return made;
  if (const auto used = use_key(context, files.key_file, section); !used) return used.error();
  return made;
}

std::optional<std::string> certificate_warning(ssl::context& context, const config::ListenTls& settings,
                                               const std::string& section) {
  const X509* const certificate = SSL_CTX_get0_certificate(context.native_handle());
  if (certificate == nullptr) return std::nullopt;
  const std::string name = section + ".certificate_file: " + settings.certificate_file;
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) return name + ": has expired";
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) return name + ": is not valid yet";
  return std::nullopt;
}

std::optional<WallTime> certificate_expiry(ssl::context& context) {
  const X509* const certificate = SSL_CTX_get0_certificate(context.native_handle());
  std::tm time{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
    return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&time)));
}

}  // namespace roktcached::net
