#include "server/access/client_certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "tests/unit/server/access/examples.h"

namespace roktcached::access {
namespace {

using namespace std::string_literals;

/// A certificate that has names and no more: nobody looks at its signature here.
class Certificate {
 public:
  explicit Certificate(const std::vector<std::string>& common_names,
                       const std::vector<std::string>& dns_names = {}, int dns_type = GEN_DNS)
      : x509_(X509_new(), X509_free) {
    for (const auto& name : common_names) {
      EXPECT_EQ(X509_NAME_add_entry_by_NID(X509_get_subject_name(x509_.get()), NID_commonName, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(name.data()),
                                           static_cast<int>(name.size()), -1, 0),
                1);
    }
    if (dns_names.empty()) return;
    const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(sk_GENERAL_NAME_new_null(),
                                                                         GENERAL_NAMES_free);
    for (const auto& name : dns_names) {
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
      GENERAL_NAME* one = GENERAL_NAME_new();
      GENERAL_NAME_set0_value(one, dns_type, text);
      sk_GENERAL_NAME_push(names.get(), one);
    }
    EXPECT_EQ(X509_add1_ext_i2d(x509_.get(), NID_subject_alt_name, names.get(), 0, 0), 1);
  }
  [[nodiscard]] X509* get() const { return x509_.get(); }

 private:
  std::unique_ptr<X509, void (*)(X509*)> x509_;
};

std::optional<std::size_t> client_of(const Certificate& certificate) {
  static const std::vector<config::Client> clients = {
      client_with_certificate("no-certificate", ""), client_with_certificate("a", "a.internal"),
      client_with_certificate("b", "*.b.internal"), client_with_certificate("c", "Café")};
  return client_of_certificate(certificate.get(), clients);
}

TEST(ClientCertificate, IsKnownByItsCommonName) {
  EXPECT_EQ(client_of(Certificate({"a.internal"})), 1U);
  EXPECT_EQ(client_of(Certificate({"other", "a.internal"})), 1U);
  EXPECT_EQ(client_of(Certificate({"Café"})), 3U);
}

TEST(ClientCertificate, IsKnownByADnsName) {
  EXPECT_EQ(client_of(Certificate({}, {"other", "a.internal"})), 1U);
  EXPECT_EQ(client_of(Certificate({"other"}, {"a.internal"})), 1U);
  EXPECT_EQ(client_of(Certificate({}, {"a.internal"}, GEN_EMAIL)), std::nullopt) << "a name of another kind";
}

TEST(ClientCertificate, TheCommonNameCountsOnlyWithoutAlternativeNames) {
  EXPECT_EQ(client_of(Certificate({"a.internal"}, {"other"})), std::nullopt);
  EXPECT_EQ(client_of(Certificate({"a.internal"}, {"*.b.internal"})), 2U);
  EXPECT_EQ(client_of(Certificate({"a.internal"}, {"a.internal"}, GEN_EMAIL)), std::nullopt);
}

TEST(ClientCertificate, NamesAreTheSameByteForByte) {
  for (const char* name :
       {"A.internal", "a.internal.", "x.a.internal", "internal", "x.b.internal", "*", " a.internal"}) {
    EXPECT_EQ(client_of(Certificate({name})), std::nullopt) << name;
    EXPECT_EQ(client_of(Certificate({}, {name})), std::nullopt) << name;
  }
  EXPECT_EQ(client_of(Certificate({"*.b.internal"})), 2U) << "a star stands for itself";
}

TEST(ClientCertificate, ANameWithANulIsNobodys) {
  EXPECT_EQ(client_of(Certificate({"a.internal\0.evil"s})), std::nullopt);
  EXPECT_EQ(client_of(Certificate({}, {"a.internal\0.evil"s})), std::nullopt);
  EXPECT_EQ(client_of(Certificate({}, {"a.internal\0"s})), std::nullopt);
}

TEST(ClientCertificate, WithoutANameItIsNobodys) {
  EXPECT_EQ(client_of(Certificate({})), std::nullopt);
  EXPECT_EQ(client_of(Certificate({}, {""})), std::nullopt) << "not that of the client that has none";
  EXPECT_EQ(client_of_certificate(nullptr, {client_with_certificate("a", "a.internal")}), std::nullopt);
}

}  // namespace
}  // namespace roktcached::access
