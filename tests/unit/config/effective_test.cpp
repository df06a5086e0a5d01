#include "config/effective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/load.h"
#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class EffectiveTest : public testing::Test {
 protected:
  Loader loader_;
};

/// A file with something of every kind.
constexpr const char* rich_file = R"(
[listen]
addresses = ["[::1]:1", "unix:/run/proxy.sock"]
allowed_origins = ["https://bi.example.com"]
unix_mode = "0600"
[listen.tls]
addresses = ["0.0.0.0:8443"]
certificate_file = "c.pem"
key_file = "k.pem"
client_ca_file = "ca.pem"
[admin]
address = "unix:/run/admin.sock"
[cache]
file = "with \"quotes\" and \\ and é.db"
[parameters]
extra_currencies = ["CHF", "SEK"]
[upstream]
proxy = "http://proxy.example.com:80"
[upstream.budget]
requests_per_second = 0.25
[[client]]
name = "tableau"
accounts = ["1", "2"]
requests_per_second = 2.5
upstream_share = 4
certificate = "tableau.internal"
[[client]]
name = "nightly-export"
requests_per_second = 1
burst = 50
certificate = "nightly"
[[credential]]
name = "main"
app_id_file = "id"
accounts = ["1", "2"]
[[credential]]
name = "rest"
budget = { burst = 7 }
[[route]]
name = "status"
path = "/status/{rest...}"
methods = ["GET", "POST"]
cache = "off"
inject_token = false
[[route]]
name = "extra"
path = "/reporting/extra/{accountId}"
groupby = ["day"]
)";

TEST_F(EffectiveTest, IsAFileThatSaysTheSame) {
  const auto settings = loader_.load(rich_file);
  ASSERT_TRUE(settings) << settings.error().context;
  const std::string text = effective_toml(*settings);
  const auto again = loader_.load(text);
  ASSERT_TRUE(again) << again.error().context << '\n' << text;
  EXPECT_EQ(effective_toml(*again), text);
  for (const auto& row : schema()) EXPECT_EQ(row.get(*again), row.get(*settings)) << row.name();
  ASSERT_THAT(again->credentials, SizeIs(2));
  EXPECT_EQ(again->credentials[0].name, "main");
  EXPECT_EQ(again->credentials[0].accounts, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(again->credentials[1].budget, settings->credentials[1].budget);
  EXPECT_EQ(again->upstream.budget, settings->upstream.budget);
  ASSERT_THAT(again->clients, SizeIs(2));
  EXPECT_EQ(again->clients[0].accounts, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(again->clients[0].requests_per_second, 2.5);
  EXPECT_EQ(again->clients[0].burst, 3U);
  EXPECT_EQ(again->clients[0].certificate, "tableau.internal");
  EXPECT_EQ(again->clients[1].burst, 50U);
  ASSERT_EQ(again->routes.size(), 2U);
  EXPECT_EQ(again->routes[0].pattern, "/status/{rest...}");
  EXPECT_EQ(again->routes[1].groupby, std::vector<std::string>{"day"});
}

TEST_F(EffectiveTest, SaysThatSecretsAreSetAndNotWhatTheyAre) {
  Settings settings;
  const std::string without = effective_toml(settings);
  settings.credentials.front().app_id = Secret("the-app-id");
  settings.credentials.front().app_secret = Secret("the-app-secret");
  const std::string with = effective_toml(settings);
  EXPECT_THAT(with, AllOf(Not(HasSubstr("the-app-id")), Not(HasSubstr("the-app-secret"))));
  EXPECT_NE(with, without);
  EXPECT_THAT(without, HasSubstr("not set"));
  EXPECT_THAT(with, Not(HasSubstr("not set")));
}

// With the hash anybody can try secrets against it: it stays in its file.
TEST_F(EffectiveTest, SaysThatAClientHasASecretAndNotItsHash) {
  const std::string hash(a_secret_hash);
  const auto settings = loader_.load("[[client]]\nname = \"tableau\"\nsecret_hash = \"" + hash + "\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  std::string text = effective_toml(*settings);
  EXPECT_THAT(text, AllOf(HasSubstr("\n[[client]]\nname = \"tableau\"\n# secret: set\n"),
                          Not(HasSubstr("scrypt")), Not(HasSubstr("AAAA"))));
  const std::string comment = "# secret: set";
  text.replace(text.find(comment), comment.size(), "secret_hash = \"" + hash + "\"");
  const auto again = loader_.load(text);
  ASSERT_TRUE(again) << again.error().context;
  EXPECT_EQ(effective_toml(*again), effective_toml(*settings));
  EXPECT_EQ(again->clients.front().secret_hash, settings->clients.front().secret_hash);
}

TEST_F(EffectiveTest, HasEveryKey) {
  const std::string text = effective_toml(Settings{});
  for (const auto& row : schema()) {
    EXPECT_THAT(text, HasSubstr("\n" + row.key + " = " + to_toml(row.get(Settings{})) + "\n")) << row.name();
    EXPECT_THAT("\n" + text, HasSubstr("\n[" + row.section + "]\n"));
  }
}

TEST_F(EffectiveTest, HasTheOverridesWithEverythingThatIsInForce) {
  const auto settings = loader_.load(
      "[freshness]\nsettled = \"1d\"\n[[freshness.override]]\nroutes = [\"account-summary\"]\nopen = "
      "\"30s\"\n[[freshness.override]]\naccounts = [\"5\"]\nopen = \"31s\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  const std::string text = effective_toml(*settings);
  EXPECT_THAT(text,
              AllOf(HasSubstr("\n[[freshness.override]]\nroutes = [\"account-summary\"]\nopen = \"30s\"\n"),
                    HasSubstr("\n[[freshness.override]]\naccounts = [\"5\"]\nopen = \"31s\"\n")));
  EXPECT_THAT(text.substr(text.find("[[freshness.override]]")), HasSubstr("\nsettled = \"1d\"\n"));
  const auto again = loader_.load(text);
  ASSERT_TRUE(again) << again.error().context;
  EXPECT_EQ(effective_toml(*again), text);
  EXPECT_THAT(effective_toml(Settings{}), Not(HasSubstr("override")));
}

TEST_F(EffectiveTest, HasEachCredentialWithTheBudgetThatIsInForce) {
  const auto settings = loader_.load(
      "[upstream.budget]\nmax_queued = 5\n[[credential]]\nname = \"a\"\naccounts = [\"1\"]\nbudget = { burst "
      "= 7 "
      "}\n[[credential]]\nname = \"b\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  const std::string text = effective_toml(*settings);
  const auto second = text.find("name = \"b\"");
  ASSERT_NE(second, std::string::npos);
  EXPECT_THAT(text.substr(text.find("[[credential]]"), second - text.find("[[credential]]")),
              AllOf(HasSubstr("accounts = [\"1\"]\n"), HasSubstr("[credential.budget]\n"),
                    HasSubstr("\nburst = 7\n"), HasSubstr("\nmax_queued = 5\n")));
  EXPECT_THAT(text.substr(second), AllOf(Not(HasSubstr("accounts")), HasSubstr("\nburst = 20\n"),
                                         HasSubstr("\nmax_queued = 5\n")));
}

}  // namespace
}  // namespace roktcached::config
