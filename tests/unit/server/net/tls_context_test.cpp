#include "server/net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/config/support.h"
#include "tests/unit/server/net/certificates.h"

namespace roktcached::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

/// How a handshake has ended for the server.
struct Shaken {
  bool done = false;
  int reason = 0;  ///< of the failure, as ERR_GET_REASON has it
  std::string protocol;
  std::string version;
  bool has_certificate = false;
};

/// Shakes hands over a pair of memory buffers.
Shaken shake_hands(SSL_CTX* server_context, SSL_CTX* client_context) {
  const Session server(SSL_new(server_context), SSL_free);
  const Session client(SSL_new(client_context), SSL_free);
  BIO* one = nullptr;
  BIO* other = nullptr;
  BIO_new_bio_pair(&one, 0, &other, 0);
  SSL_set_bio(server.get(), one, one);
  SSL_set_bio(client.get(), other, other);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  Shaken shaken;
  for (int round = 0; round < 10 && !shaken.done && shaken.reason == 0; ++round) {
    SSL_do_handshake(client.get());
    ERR_clear_error();
    const int result = SSL_do_handshake(server.get());
    shaken.done = result == 1;
    if (!shaken.done && SSL_get_error(server.get(), result) == SSL_ERROR_SSL)
      shaken.reason = ERR_GET_REASON(ERR_get_error());
  }
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(server.get(), &protocol, &size);
  if (size > 0) shaken.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  shaken.version = SSL_get_version(server.get());
  shaken.has_certificate = SSL_get0_peer_certificate(server.get()) != nullptr;
  ERR_clear_error();
  return shaken;
}

class TlsContextTest : public testing::Test {
 protected:
  /// @return why the settings are refused
  [[nodiscard]] std::string refusal() const {
    const auto made = make_tls_context(settings_);
    EXPECT_EQ(ERR_peek_error(), 0U) << "an error is left for whoever comes next";
    if (made) return "taken";
    EXPECT_EQ(made.error().code, ErrorCode::configuration);
    EXPECT_THAT(made.error().context, Not(HasSubstr("PRIVATE KEY")));
    return made.error().context;
  }
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> server() const {
    return make_tls_context(settings_).value();
  }
  [[nodiscard]] static Context client() { return {SSL_CTX_new(TLS_client_method()), SSL_CTX_free}; }
  [[nodiscard]] Shaken offer(std::string_view protocols) const {
    const Context client_context = client();
    SSL_CTX_set_alpn_protos(client_context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned int>(protocols.size()));
    return shake_hands(server()->native_handle(), client_context.get());
  }
  [[nodiscard]] Shaken show(const Identity& own) const {
    const Context client_context = client();
    SSL_CTX_use_certificate(client_context.get(), own.certificate.get());
    SSL_CTX_use_PrivateKey(client_context.get(), own.key.get());
    return shake_hands(server()->native_handle(), client_context.get());
  }

  const config::TemporaryFolder folder_;
  const Identity identity_{"localhost"};
  config::ListenTls settings_{
      .addresses = {},
      .certificate_file = folder_.write("certificate.pem", identity_.certificate_pem()),
      .key_file = folder_.write("key.pem", identity_.key_pem()),
      .client_ca_file = "",
      .require_client_certificate = false};
};

TEST_F(TlsContextTest, ShakesHands) {
  const Shaken shaken = shake_hands(server()->native_handle(), client().get());
  EXPECT_TRUE(shaken.done);
  EXPECT_EQ(shaken.version, "TLSv1.3");
  EXPECT_FALSE(shaken.has_certificate);
}

TEST_F(TlsContextTest, TakesAKeyBehindAByteOrderMark) {
  settings_.key_file = folder_.write("marked.pem", "\xEF\xBB\xBF" + identity_.key_pem());
  EXPECT_EQ(refusal(), "taken");
}

TEST_F(TlsContextTest, LooksAtTheCertificateAloneWhereThereIsNoKey) {
  settings_.key_file = "/nonexistent.key";
  const auto made = make_tls_context(settings_, PrivateKey::skip);
  ASSERT_TRUE(made) << made.error().context;
  EXPECT_EQ(certificate_warning(**made, settings_), std::nullopt);
  settings_.certificate_file = "/nonexistent.pem";
  EXPECT_FALSE(make_tls_context(settings_, PrivateKey::skip));
}

TEST_F(TlsContextTest, SpeaksNothingOlderThanTls12) {
  const Context client_context = client();
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_2_VERSION);
  EXPECT_EQ(shake_hands(server()->native_handle(), client_context.get()).version, "TLSv1.2");
  SSL_CTX_set_security_level(client_context.get(), 0);
  SSL_CTX_set_min_proto_version(client_context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_1_VERSION);
  const auto lax = server();
  SSL_CTX_set_security_level(lax->native_handle(), 0);  // or that would refuse it
  const Shaken shaken = shake_hands(lax->native_handle(), client_context.get());
  EXPECT_FALSE(shaken.done);
  EXPECT_EQ(shaken.reason, SSL_R_UNSUPPORTED_PROTOCOL);
}

TEST_F(TlsContextTest, SpeaksHttp11AmongWhatIsOffered) {
  for (const std::string_view offered : {"\x08http/1.1", "\x02h2\x08http/1.1", "\x08http/1.1\x02h2"}) {
    const Shaken shaken = offer(offered);
    EXPECT_TRUE(shaken.done);
    EXPECT_EQ(shaken.protocol, "http/1.1");
  }
}

TEST_F(TlsContextTest, RefusesWhoOffersOnlyWhatItDoesNotSpeak) {
  for (const std::string_view offered :
       {"\x02h2", "\x02h2\x08http/1.0", "\x08HTTP/1.1", "\x0bxhttp/1.1yy", "\x09http/1.1x", "\x07http/1."}) {
    const Shaken shaken = offer(offered);
    EXPECT_FALSE(shaken.done) << offered;
    EXPECT_EQ(shaken.reason, SSL_R_NO_APPLICATION_PROTOCOL) << offered;
  }
}

TEST_F(TlsContextTest, NamesAFileThatIsMissing) {
  for (auto* const file : {&settings_.certificate_file, &settings_.key_file, &settings_.client_ca_file}) {
    const std::string before = std::exchange(*file, folder_.path() / "missing.pem");
    EXPECT_THAT(refusal(), AllOf(StartsWith("listen.tls."), HasSubstr(*file), HasSubstr("No such file")));
    *file = before;
    EXPECT_EQ(refusal(), "taken");
  }
}

TEST_F(TlsContextTest, NamesAFileThatHoldsSomethingElse) {
  const std::string key = identity_.key_pem();
  const std::string certificate = identity_.certificate_pem();
  for (const std::string& content :
       {std::string(), std::string("not PEM\n"), std::string(300, '\0'),
        certificate.substr(0, certificate.size() / 2), std::string("-----BEGIN "),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}) {
    const std::string wrong = folder_.write("wrong.pem", content);
    for (const auto& [name, file] : {std::pair("certificate_file", &settings_.certificate_file),
                                     std::pair("key_file", &settings_.key_file),
                                     std::pair("client_ca_file", &settings_.client_ca_file)}) {
      const std::string before = std::exchange(*file, wrong);
      EXPECT_THAT(refusal(), StartsWith("listen.tls." + std::string(name) + ": " + wrong)) << content;
      *file = before;
    }
  }
  settings_.certificate_file = folder_.write("wrong.pem", key);
  EXPECT_THAT(refusal(), StartsWith("listen.tls.certificate_file: "));
}

TEST_F(TlsContextTest, TakesNoAuthorityFileThatIsBadHalfway) {
  settings_.client_ca_file =
      folder_.write("authorities.pem", Identity("ca").certificate_pem() +
                                           "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(refusal(), StartsWith("listen.tls.client_ca_file: "));
}

TEST_F(TlsContextTest, TakesNoKeyOfAnotherCertificate) {
  settings_.key_file = folder_.write("other.pem", Identity("localhost").key_pem());
  EXPECT_THAT(refusal(), AllOf(StartsWith("listen.tls.key_file: " + settings_.key_file),
                               HasSubstr("does not belong to listen.tls.certificate_file")));
  const Identity rsa("localhost", nullptr, Owned<EVP_PKEY>(EVP_RSA_gen(2048U)));
  settings_.key_file = folder_.write("other.pem", rsa.key_pem());
  EXPECT_THAT(refusal(), HasSubstr("does not belong to listen.tls.certificate_file"))
      << "nor of another kind";
  settings_.certificate_file = folder_.write("rsa.pem", rsa.certificate_pem());
  EXPECT_EQ(refusal(), "taken");
}

TEST_F(TlsContextTest, TakesNoKeyThatOthersCanRead) {
  for (const mode_t mode : {0604U, 0620U, 0666U}) {
    ASSERT_EQ(::chmod(settings_.key_file.c_str(), mode), 0);
    EXPECT_THAT(refusal(),
                AllOf(StartsWith("listen.tls.key_file: " + settings_.key_file), HasSubstr("mode")));
  }
  ASSERT_EQ(::chown(settings_.key_file.c_str(), static_cast<uid_t>(-1), ::getegid()), 0);
  for (const mode_t mode : {0400U, 0440U}) {
    ASSERT_EQ(::chmod(settings_.key_file.c_str(), mode), 0);
    EXPECT_EQ(refusal(), "taken") << mode;
  }
  ASSERT_EQ(::chmod(settings_.certificate_file.c_str(), 0644), 0);
  EXPECT_EQ(refusal(), "taken") << "a certificate is no secret";
}

TEST_F(TlsContextTest, AsksNobodyForAPassphrase) {
  for (const bool early : {false, true}) {
    settings_.key_file = folder_.write("locked.pem", identity_.locked_key_pem("a passphrase", early));
    EXPECT_THAT(refusal(), StartsWith("listen.tls.key_file: " + settings_.key_file)) << early;
  }
}

TEST_F(TlsContextTest, AsksNoClientForACertificateWithoutAnAuthority) {
  const Shaken shaken = show(Identity("client"));
  EXPECT_TRUE(shaken.done);
  EXPECT_FALSE(shaken.has_certificate);
}

TEST_F(TlsContextTest, TakesCertificatesOfTheAuthorityAlone) {
  const Identity authority("ca");
  settings_.client_ca_file = folder_.write("authority.pem", authority.certificate_pem());
  for (const bool required : {false, true}) {
    settings_.require_client_certificate = required;
    const Shaken known = show(Identity("client", &authority));
    EXPECT_TRUE(known.done);
    EXPECT_TRUE(known.has_certificate);
    const Shaken unknown = show(Identity("client"));
    EXPECT_FALSE(unknown.done);
    EXPECT_EQ(unknown.reason, SSL_R_CERTIFICATE_VERIFY_FAILED);
    const Identity impostor("ca");
    EXPECT_FALSE(show(Identity("client", &impostor)).done) << "an authority of the same name";
    EXPECT_EQ(shake_hands(server()->native_handle(), client().get()).done, !required);
  }
}

class ClientTlsContextTest : public TlsContextTest {
 protected:
  ClientTlsContextTest() {
    settings_.certificate_file = folder_.write("server.pem", server_identity.certificate_pem());
    settings_.key_file = folder_.write("server.key", server_identity.key_pem());
    files.ca_file = folder_.write("authority.pem", authority.certificate_pem());
  }

  [[nodiscard]] std::string client_refusal(PrivateKey key = PrivateKey::read) const {
    const auto made = make_client_tls_context(files, key, "fleet");
    EXPECT_EQ(ERR_peek_error(), 0U) << "an error is left for whoever comes next";
    return made ? "taken" : made.error().context;
  }
  [[nodiscard]] Shaken connect() const {
    const auto made = make_client_tls_context(files, PrivateKey::read, "fleet");
    return made ? shake_hands(server()->native_handle(), (*made)->native_handle()) : Shaken();
  }

  const Identity authority{"ca"};
  const Identity server_identity{"localhost", &authority};
  ClientTlsFiles files;
};

TEST_F(ClientTlsContextTest, TakesServersOfItsAuthorityAlone) {
  EXPECT_TRUE(connect().done);
  files.ca_file = folder_.write("other.pem", Identity("ca").certificate_pem());
  EXPECT_FALSE(connect().done) << "an authority of the same name";
  files.ca_file.clear();
  EXPECT_EQ(client_refusal(), "taken") << "the system's";
  EXPECT_FALSE(connect().done);
}

TEST_F(ClientTlsContextTest, ShowsItsCertificate) {
  settings_.client_ca_file = files.ca_file;
  settings_.require_client_certificate = true;
  EXPECT_FALSE(connect().done);
  const Identity own("client", &authority);
  files.certificate_file = folder_.write("own.pem", own.certificate_pem());
  files.key_file = folder_.write("own.key", own.key_pem());
  const Shaken shaken = connect();
  EXPECT_TRUE(shaken.done);
  EXPECT_TRUE(shaken.has_certificate);
}

TEST_F(ClientTlsContextTest, NamesTheFileThatIsNotAsItShouldBe) {
  files.certificate_file = folder_.write("own.pem", identity_.certificate_pem());
  files.key_file = folder_.write("own.key", identity_.key_pem());
  ASSERT_EQ(client_refusal(), "taken");
  for (const auto& [name, file] :
       {std::pair("ca_file", &files.ca_file), std::pair("certificate_file", &files.certificate_file),
        std::pair("key_file", &files.key_file)}) {
    const std::string before = std::exchange(*file, folder_.path() / "missing.pem");
    EXPECT_THAT(client_refusal(),
                AllOf(StartsWith("fleet." + std::string(name) + ": " + *file), HasSubstr("No such file")));
    *file = folder_.write("wrong.pem", "not PEM\n");
    EXPECT_THAT(client_refusal(), StartsWith("fleet." + std::string(name) + ": " + *file));
    *file = before;
  }
  files.key_file = folder_.write("other.key", server_identity.key_pem());
  EXPECT_THAT(client_refusal(), HasSubstr("does not belong to fleet.certificate_file"));
  EXPECT_EQ(client_refusal(PrivateKey::skip), "taken");
}

}  // namespace
}  // namespace roktcached::net
