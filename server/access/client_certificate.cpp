#include "server/access/client_certificate.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string>

namespace roktcached::access {

namespace {

void add(std::vector<std::string>& names, std::string_view name) {
  // A reader that takes it for a C string would see another name.
  if (!name.empty() && name.find('\0') == std::string_view::npos) names.emplace_back(name);
}

void add_common_names(std::vector<std::string>& names, const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  int at = -1;
  while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) continue;
    add(names, {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)});
    OPENSSL_free(text);
  }
}

void add_dns_names(std::vector<std::string>& names, const X509& certificate) {
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  if (!alternatives) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    const ASN1_IA5STRING* text = name->d.dNSName;
    add(names, {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text))});
  }
}

}  // namespace

std::optional<std::size_t> client_of_certificate(X509* certificate,
                                                 const std::vector<config::Client>& clients) {
  if (certificate == nullptr) return std::nullopt;
  std::vector<std::string> names;
  // Beside an alternative name the common name is no more than a label (RFC 6125, section 6.4.4).
  const bool has_alternatives = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
  has_alternatives ? add_dns_names(names, *certificate) : add_common_names(names, *certificate);
  const auto found = std::ranges::find_if(clients, [&](const config::Client& client) {
    return !client.certificate.empty() && std::ranges::find(names, client.certificate) != names.end();
  });
  if (found == clients.end()) return std::nullopt;
  return static_cast<std::size_t>(found - clients.begin());
}

}  // namespace roktcached::access
