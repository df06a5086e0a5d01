#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string a_client =
    "[[client]]\nname = \"tableau\"\nsecret_hash = \"" + std::string(a_secret_hash) + "\"\n";
const std::string a_pair = "certificate_file = \"c.pem\"\nkey_file = \"k.pem\"\n";

/// `[listen]`, `[listen.tls]` and the admin address: who can reach the daemon, and how.
class ListenTest : public testing::Test {
 protected:
  /// The mistakes of such addresses, in TOML, with more after them.
  std::vector<std::string> plain(const std::string& addresses, const std::string& more = "") const {
    return loader_.mistakes("[listen]\naddresses = [" + addresses + "]\n" + more);
  }
  std::vector<std::string> tls(const std::string& addresses, const std::string& more = "") const {
    return loader_.mistakes("[listen.tls]\naddresses = [" + addresses + "]\n" + more);
  }

  Loader loader_;
};

TEST_F(ListenTest, ReadsEveryKey) {
  const auto settings = loader_.load(R"(
[listen]
addresses = ["127.0.0.1:18080", "unix:/run/roktcached/proxy.sock"]
allowed_origins = ["https://bi.example.com", "http://localhost:3000"]
unix_mode = "0606"
unix_group = "reports"
cleartext_beyond_loopback = true
token_key_file = "/etc/roktcached/token.key"
[listen.tls]
addresses = ["127.0.0.1:8443"]
certificate_file = "c.pem"
key_file = "k.pem"
client_ca_file = "ca.pem"
require_client_certificate = true
[admin]
address = "unix:/run/roktcached/admin.sock"
)");
  ASSERT_TRUE(settings) << settings.error().context;
  const Listen& listen = settings->listen;
  EXPECT_THAT(listen.addresses,
              ElementsAre(Endpoint{"127.0.0.1", 18080}, Endpoint{"", 0, "/run/roktcached/proxy.sock"}));
  EXPECT_THAT(listen.allowed_origins, ElementsAre("https://bi.example.com", "http://localhost:3000"));
  EXPECT_EQ(listen.unix_mode, 0606U);
  EXPECT_EQ(listen.unix_group, "reports");
  EXPECT_TRUE(listen.cleartext_beyond_loopback);
  EXPECT_EQ(listen.token_key_file, "/etc/roktcached/token.key");
  EXPECT_THAT(listen.tls.addresses, ElementsAre(Endpoint{"127.0.0.1", 8443}));
  EXPECT_EQ(listen.tls.certificate_file, "c.pem");
  EXPECT_EQ(listen.tls.key_file, "k.pem");
  EXPECT_EQ(listen.tls.client_ca_file, "ca.pem");
  EXPECT_TRUE(listen.tls.require_client_certificate);
  EXPECT_EQ(settings->admin.address, (Endpoint{"", 0, "/run/roktcached/admin.sock"}));
}

TEST_F(ListenTest, ComesFromTheEnvironmentToo) {
  const auto settings = loader_.load("", {{"ROKTCACHED_LISTEN_ADDRESSES", "unix:/run/a.sock, [::1]:1"},
                                          {"ROKTCACHED_LISTEN_TLS_ADDRESSES", "[::1]:2"},
                                          {"ROKTCACHED_LISTEN_TLS_CERTIFICATE_FILE", "c.pem"},
                                          {"ROKTCACHED_LISTEN_TLS_KEY_FILE", "k.pem"},
                                          {"ROKTCACHED_LISTEN_UNIX_MODE", "0600"}});
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_THAT(settings->listen.addresses, ElementsAre(Endpoint{"", 0, "/run/a.sock"}, Endpoint{"[::1]", 1}));
  EXPECT_THAT(settings->listen.tls.addresses, ElementsAre(Endpoint{"[::1]", 2}));
  EXPECT_EQ(settings->listen.unix_mode, 0600U);
}

TEST_F(ListenTest, AMistakeNamesLineKeyValueAndWhatIsAccepted) {
  EXPECT_THAT(plain("\"unix:proxy.sock\""),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.addresses = [\"unix:proxy.sock\"]: accepted: "),
                                HasSubstr("\"unix:/PATH\" of at most 107 bytes"))));
  EXPECT_THAT(tls("\"unix:/run/a.sock\"", a_pair),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.tls.addresses = "), Not(HasSubstr("unix:/PATH")))))
      << "TLS is for TCP";
  EXPECT_THAT(loader_.mistakes("[listen]\nunix_mode = 660\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.unix_mode = 660: "), HasSubstr("\"0660\""))));
  EXPECT_THAT(loader_.mistakes("[listen]\nunix_mode = \"1777\"\n"),
              ElementsAre(StartsWith("FILE:2: listen.unix_mode = \"1777\": ")));
  for (const char* origin :
       {"*", "null", "https://bi.example.com/", "https://BI.example.com", "bi.example.com"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[listen]\nallowed_origins = [\"") + origin + "\"]\n"),
                ElementsAre(AllOf(StartsWith("FILE:2: listen.allowed_origins = "),
                                  HasSubstr("\"https://bi.example.com\""))))
        << origin;
  }
  EXPECT_THAT(loader_.mistakes("[listen]\ntls = true\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.tls: "), HasSubstr("[listen.tls]"))));
  EXPECT_THAT(loader_.mistakes("[listen.tls]\ncertificate = \"c.pem\"\n"),
              ElementsAre(HasSubstr("did you mean certificate_file?")));
}

TEST_F(ListenTest, BeyondLoopbackNeedsClients) {
  for (const std::string address :
       {"0.0.0.0:8080", "[::]:8080", "192.168.1.2:8080", "proxy.example.com:8080"}) {
    EXPECT_THAT(plain("\"127.0.0.1:8080\", \"" + address + "\""),
                ElementsAre(AllOf(StartsWith("FILE:2: listen.addresses: " + address), HasSubstr("loopback"),
                                  HasSubstr("[[client]]"))))
        << address;
    EXPECT_THAT(tls("\"" + address + "\"", a_pair),
                ElementsAre(AllOf(StartsWith("FILE:2: listen.tls.addresses: " + address),
                                  HasSubstr("loopback"), HasSubstr("[[client]]"))))
        << address;
    EXPECT_THAT(tls("\"" + address + "\"", a_pair + a_client), IsEmpty()) << address;
  }
  EXPECT_THAT(plain("\"0.0.0.0:8080\"", "cleartext_beyond_loopback = true\n"),
              ElementsAre(HasSubstr("[[client]]")))
      << "who reads along is another matter";
}

TEST_F(ListenTest, ClientsSecretsTravelInClearTextOnlyWhereThatIsWanted) {
  EXPECT_THAT(plain("\"127.0.0.1:8080\", \"0.0.0.0:8082\"", a_client),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.addresses: 0.0.0.0:8082"), HasSubstr("TLS"),
                                HasSubstr("accepted: listen.tls.addresses"),
                                HasSubstr("listen.cleartext_beyond_loopback = true"))));
  EXPECT_THAT(plain("\"0.0.0.0:8082\"", "cleartext_beyond_loopback = true\n" + a_client), IsEmpty());
  EXPECT_THAT(plain("\"127.0.0.1:8080\", \"unix:/run/a.sock\"", a_client), IsEmpty());
}

TEST_F(ListenTest, TheAdminListenerStaysOnThisMachine) {
  const std::string beyond = "[admin]\naddress = \"0.0.0.0:8081\"\n";
  EXPECT_THAT(loader_.mistakes(beyond), ElementsAre(AllOf(StartsWith("FILE:2: admin.address: 0.0.0.0:8081"),
                                                          HasSubstr("loopback"), HasSubstr("unix:/PATH"))));
  EXPECT_THAT(loader_.mistakes(beyond + "[listen]\ncleartext_beyond_loopback = true\n" + a_client),
              ElementsAre(StartsWith("FILE:2: admin.address")))
      << "clients or not";
  EXPECT_THAT(loader_.mistakes("[admin]\naddress = \"unix:/run/admin.sock\"\n"), IsEmpty());
}

TEST_F(ListenTest, HealthIsBeyondLoopbackWhereItIsWantedWithAndWithoutTls) {
  const auto settings = loader_.load(R"(
[health]
addresses = ["0.0.0.0:9100", "[::1]:9101"]
[health.tls]
addresses = ["0.0.0.0:9143"]
certificate_file = "c.pem"
key_file = "k.pem"
client_ca_file = "ca.pem"
require_client_certificate = true
)");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_THAT(settings->health.addresses, ElementsAre(Endpoint{"0.0.0.0", 9100}, Endpoint{"[::1]", 9101}));
  EXPECT_THAT(settings->health.tls.addresses, ElementsAre(Endpoint{"0.0.0.0", 9143}));
  EXPECT_EQ(settings->health.tls.certificate_file, "c.pem");
  EXPECT_TRUE(settings->health.tls.require_client_certificate);
  EXPECT_THAT(loader_.load("")->health.addresses, IsEmpty()) << "nowhere, unless it is said";
}

TEST_F(ListenTest, HealthHasAddressesOfItsOwnOverTcp) {
  const auto health = [this](const std::string& addresses, const std::string& more = "") {
    return loader_.mistakes("[health]\naddresses = [" + addresses + "]\n" + more);
  };
  EXPECT_THAT(
      health("\"127.0.0.1:8080\""),
      ElementsAre(AllOf(StartsWith("FILE:2: health.addresses: 127.0.0.1:8080 is among listen.addresses"),
                        HasSubstr("addresses of its own"))));
  EXPECT_THAT(health("\"localhost:8081\""), ElementsAre(HasSubstr("among admin.address")));
  EXPECT_THAT(
      health("\"127.0.0.1:9100\"", "[health.tls]\naddresses = [\"127.0.0.1:9100\"]\n" + a_pair),
      ElementsAre(StartsWith("FILE:4: health.tls.addresses: 127.0.0.1:9100 is among health.addresses")));
  EXPECT_THAT(health("\"unix:/run/a.sock\""),
              ElementsAre(AllOf(StartsWith("FILE:2: health.addresses = "), Not(HasSubstr("unix:/PATH")))));
  EXPECT_THAT(health("", "[health.tls]\ncertificate_file = \"c.pem\"\n"),
              ElementsAre(HasSubstr("is for health.tls.addresses, of which there is none")));
  EXPECT_THAT(health("", "[health.tls]\naddresses = [\"0.0.0.0:1\"]\n"),
              ElementsAre(HasSubstr("TLS needs health.tls.certificate_file"),
                          HasSubstr("TLS needs health.tls.key_file")));
  EXPECT_THAT(health("\"127.0.0.1:9000\"", "[upstream]\nurl = \"http://127.0.0.1:9000\"\n"),
              ElementsAre(HasSubstr("leads back here, to health.addresses = 127.0.0.1:9000")));
  EXPECT_THAT(health("", "[health.tls]\naddresses = [\"127.0.0.1:9143\"]\n" + a_pair +
                             "[upstream]\nurl = \"https://localhost:9143\"\n"),
              ElementsAre(HasSubstr("leads back here, to health.tls.addresses = 127.0.0.1:9143")));
}

TEST_F(ListenTest, ThereIsAnAddress) {
  EXPECT_THAT(plain(""), ElementsAre(AllOf(StartsWith("FILE:2: listen.addresses: there is none"),
                                           HasSubstr("listen.tls.addresses"))));
  EXPECT_THAT(plain("", "[listen.tls]\naddresses = [\"127.0.0.1:8443\"]\n" + a_pair), IsEmpty());
}

TEST_F(ListenTest, AnAddressIsListenedOnOnce) {
  EXPECT_THAT(plain("\"127.0.0.1:8080\", \"127.0.0.1:8080\""),
              ElementsAre(StartsWith("FILE:2: listen.addresses")));
  EXPECT_THAT(plain("\"unix:/run/a.sock\", \"unix:/run/a.sock\""),
              ElementsAre(StartsWith("FILE:2: listen.addresses")));
  EXPECT_THAT(tls("\"127.0.0.1:8080\"", a_pair),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.tls.addresses: 127.0.0.1:8080 is among"),
                                HasSubstr("listen.addresses"))))
      << "where clients connect by default";
  EXPECT_THAT(plain("\"127.0.0.1:8081\""), ElementsAre(HasSubstr("admin.address")))
      << "where the admin listener is by default";
  EXPECT_THAT(tls("\"127.0.0.1:8081\"", a_pair),
              ElementsAre(AllOf(HasSubstr("admin.address"), HasSubstr("among listen.tls.addresses"))));
  EXPECT_THAT(plain("\"unix:/run/a.sock\"", "[admin]\naddress = \"unix:/run/a.sock\"\n"),
              ElementsAre(StartsWith("FILE:4: admin.address: unix:/run/a.sock is among")));
}

TEST_F(ListenTest, LocalhostIsBothLoopbacks) {
  EXPECT_THAT(tls("\"localhost:8080\"", a_pair),
              ElementsAre(StartsWith("FILE:2: listen.tls.addresses: localhost:8080 is among")))
      << "beside 127.0.0.1:8080, the default";
  EXPECT_THAT(plain("\"localhost:8081\""), ElementsAre(HasSubstr("admin.address")));
  EXPECT_THAT(plain("\"[::1]:8082\"", "[admin]\naddress = \"localhost:8082\"\n"),
              ElementsAre(StartsWith("FILE:4: admin.address: localhost:8082 is among")));
  EXPECT_THAT(plain("\"127.0.0.2:8082\"", "[admin]\naddress = \"localhost:8082\"\n"), IsEmpty());
  EXPECT_THAT(plain("\"localhost:8080\", \"[::1]:8080\""), IsEmpty()) << "[::1] is listened on once";
}

TEST_F(ListenTest, PortZeroIsAnotherEachTime) {
  EXPECT_THAT(plain("\"127.0.0.1:0\"", "[listen.tls]\naddresses = [\"127.0.0.1:0\"]\n" + a_pair +
                                           "[admin]\naddress = \"127.0.0.1:0\"\n"),
              IsEmpty());
}

TEST_F(ListenTest, TheUpstreamIsSomebodyElse) {
  const auto mistakes = [this](const std::string& listening, const std::string& url) {
    return plain("\"" + listening + "\"", "[upstream]\nurl = \"" + url + "\"\n");
  };
  for (const auto& [listening, url] :
       std::vector<std::pair<std::string, std::string>>{{"127.0.0.1:9000", "http://127.0.0.1:9000"},
                                                        {"127.0.0.1:9000", "http://127.0.0.1:9000/api"},
                                                        {"127.0.0.1:9000", "http://localhost:9000"},
                                                        {"localhost:9000", "http://127.0.0.1:9000"},
                                                        {"localhost:9000", "http://[::1]:9000"},
                                                        {"[::1]:9000", "http://localhost:9000"},
                                                        {"127.0.0.1:443", "https://localhost"},
                                                        {"127.0.0.1:9000", "https://0.0.0.0:9000"},
                                                        {"[::1]:9000", "https://[::]:9000"},
                                                        {"127.0.0.1:9000", "https://[::ffff:127.0.0.1]:9000"},
                                                        {"[::1]:9000", "https://[0:0::1]:9000"}})
    EXPECT_THAT(mistakes(listening, url),
                ElementsAre(AllOf(StartsWith("FILE:4: upstream.url: "), HasSubstr("leads back here"),
                                  HasSubstr("listen.addresses = " + listening))))
        << listening << " " << url;
  for (const auto& [listening, url] :
       std::vector<std::pair<std::string, std::string>>{{"127.0.0.1:9000", "http://127.0.0.1:9001"},
                                                        {"127.0.0.1:9000", "http://127.0.0.2:9000"},
                                                        {"127.0.0.1:9000", "http://[::1]:9000"},
                                                        {"[::1]:9000", "http://127.0.0.1:9000"},
                                                        {"127.0.0.1:9000", "https://api.rokt.com:9000"},
                                                        {"unix:/run/a.sock", "http://localhost:9000"}})
    EXPECT_THAT(mistakes(listening, url), IsEmpty()) << listening << " " << url;
}

TEST_F(ListenTest, TheUpstreamIsNoOtherListenerEither) {
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"http://127.0.0.1:8081\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: upstream.url: "), HasSubstr("admin.address"))));
  EXPECT_THAT(tls("\"127.0.0.1:9443\"", a_pair + "[upstream]\nurl = \"https://localhost:9443\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:6: upstream.url: "), HasSubstr("listen.tls.addresses"))));
  EXPECT_THAT(tls("\"0.0.0.0:9443\"", a_pair + "[upstream]\nurl = \"https://127.9.9.9:9443\"\n" + a_client),
              ElementsAre(HasSubstr("leads back here")))
      << "any address is each of this machine's";
  EXPECT_THAT(tls("\"0.0.0.0:9443\"", a_pair + "[upstream]\nurl = \"https://[::1]:9443\"\n" + a_client),
              IsEmpty());
  EXPECT_THAT(loader_.mistakes("[upstream]\nproxy = \"http://localhost:8080\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: upstream.proxy: "), HasSubstr("listen.addresses"))));
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_UPSTREAM_URL", "http://localhost:8080"}}),
              ElementsAre(StartsWith("$ROKTCACHED_UPSTREAM_URL: ")));
}

TEST_F(ListenTest, TlsNeedsCertificateAndKey) {
  EXPECT_THAT(tls("\"127.0.0.1:8443\""),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.tls.addresses: "), HasSubstr("certificate_file")),
                          AllOf(StartsWith("FILE:2: listen.tls.addresses: "), HasSubstr("key_file"))));
  EXPECT_THAT(tls("\"127.0.0.1:8443\"", "certificate_file = \"c.pem\"\n"),
              ElementsAre(HasSubstr("needs listen.tls.key_file")));
}

// An operator who sets a certificate wants TLS; an address that was forgotten must not leave clients in clear
// text.
TEST_F(ListenTest, WhatIsForTlsNeedsAnAddressOfIt) {
  for (const std::string key : {"certificate_file", "key_file", "client_ca_file"}) {
    EXPECT_THAT(
        loader_.mistakes("[listen.tls]\n" + key + " = \"x.pem\"\n"),
        ElementsAre(AllOf(StartsWith("FILE:2: listen.tls." + key + ": "), HasSubstr("listen.tls.addresses"))))
        << key;
  }
  EXPECT_THAT(loader_.mistakes("[listen.tls]\nrequire_client_certificate = true\n"),
              ElementsAre(StartsWith("FILE:2: listen.tls.require_client_certificate: ")));
}

TEST_F(ListenTest, ARequiredCertificateIsSomebodys) {
  EXPECT_THAT(tls("\"127.0.0.1:8443\"", a_pair + "require_client_certificate = true\n"),
              ElementsAre(AllOf(StartsWith("FILE:5: listen.tls.require_client_certificate: "),
                                HasSubstr("listen.tls.client_ca_file"))));
  EXPECT_THAT(
      tls("\"127.0.0.1:8443\"", a_pair + "require_client_certificate = true\nclient_ca_file = \"ca.pem\"\n"),
      IsEmpty());
}

TEST_F(ListenTest, TheTokenKeyIsBesideTheCacheFile) {
  const auto file = [this](std::string_view toml, Variables variables = {}) {
    return loader_.load(toml, std::move(variables)).value().listen.token_key_file;
  };
  EXPECT_EQ(file("", {{"CACHE_DIRECTORY", "/c"}}), "/c/token.key");
  EXPECT_EQ(file("[cache]\nfile = \"/var/a.db\"\n"), "/var/token.key");
  EXPECT_EQ(file("[cache]\nfile = \"/a.db\"\n"), "/token.key");
  EXPECT_EQ(file("[cache]\nfile = \"a.db\"\n"), "token.key");
  EXPECT_EQ(file("[cache]\nfile = \"/var/a.db\"\n[listen]\ntoken_key_file = \"\"\n"), "/var/token.key");
  EXPECT_EQ(file("[cache]\nfile = \"\"\n"), "") << "in memory only";
  EXPECT_EQ(file("[cache]\nfile = \"\"\n[listen]\ntoken_key_file = \"/k\"\n"), "/k");
}

}  // namespace
}  // namespace roktcached::config
