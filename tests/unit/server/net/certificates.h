#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace roktcached::net {

struct FreeOpenssl {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeOpenssl>;

/// A key with a certificate for a common name, made by itself or by another one.
struct Identity {
  explicit Identity(const std::string& name, const Identity* issuer = nullptr, Owned<EVP_PKEY> own = nullptr)
      : key(own ? std::move(own) : Owned<EVP_PKEY>(EVP_EC_gen("P-256"))), certificate(X509_new()) {
    X509* const made = certificate.get();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key.get());
    X509_NAME* const subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const Identity& by = issuer != nullptr ? *issuer : *this;
    X509_set_issuer_name(made, X509_get_subject_name(by.certificate.get()));
    X509_EXTENSION* const is_authority =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints,
                            issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
    X509_add_ext(made, is_authority, -1);
    X509_EXTENSION_free(is_authority);
    if (X509_sign(made, by.key.get(), EVP_sha256()) == 0) throw std::runtime_error("no certificate");
  }

  [[nodiscard]] std::string certificate_pem() const {
    return written([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
  }
  [[nodiscard]] std::string key_pem() const {
    return written([&](BIO* to) {
      return PEM_write_bio_PKCS8PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  /// The key under a passphrase, in the form of today or in that of OpenSSL's early days.
  [[nodiscard]] std::string locked_key_pem(const std::string& passphrase, bool early) const {
    const auto* const word = reinterpret_cast<const unsigned char*>(passphrase.data());
    const int size = static_cast<int>(passphrase.size());
    return written([&](BIO* to) {
      return early ? PEM_write_bio_PrivateKey_traditional(to, key.get(), EVP_aes_128_cbc(), word, size,
                                                          nullptr, nullptr)
                   : PEM_write_bio_PKCS8PrivateKey(to, key.get(), EVP_aes_128_cbc(), passphrase.data(), size,
                                                   nullptr, nullptr);
    });
  }

  Owned<EVP_PKEY> key;
  Owned<X509> certificate;

 private:
  template <class Write>
  static std::string written(Write write) {
    const Owned<BIO> memory(BIO_new(BIO_s_mem()));
    if (write(memory.get()) != 1) throw std::runtime_error("no PEM");
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
};

}  // namespace roktcached::net
