#include "config/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

const std::string a_secret = "secret_hash = \"" + std::string(a_secret_hash) + "\"\n";
const std::string head = "[[client]]\nname = \"a\"\n" + a_secret;
const std::string tls =
    "[listen.tls]\naddresses = [\"127.0.0.1:8443\"]\ncertificate_file = \"c\"\nkey_file = "
    "\"k\"\nclient_ca_file = \"ca\"\n";

/// A secret's hash that is no other's.
std::string secret_of(char salt) {
  SecretHash hash = parse_secret_hash(a_secret_hash).value();
  hash.salt.assign(16, salt);
  return "secret_hash = \"" + to_string(hash) + "\"\n";
}

/// `[[client]]`.
class ClientsTest : public testing::Test {
 protected:
  /// The clients of a file that is right.
  std::vector<Client> clients(const std::string& toml) const {
    const auto settings = loader_.load(toml);
    EXPECT_TRUE(settings) << settings.error().context;
    return settings ? settings->clients : std::vector<Client>{};
  }

  Loader loader_;
};

TEST_F(ClientsTest, ReadsEveryKey) {
  const auto read = clients(
      "[[client]]\nname = \"tableau\"\n" + a_secret +
      "accounts = [\"12\", \"13\"]\nrequests_per_second = 50\nburst = 120\nupstream_share = 4\ncertificate "
      "= \"tableau.internal\"\n" +
      tls);
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read[0].name, "tableau");
  EXPECT_EQ(read[0].secret_hash, parse_secret_hash(a_secret_hash));
  EXPECT_TRUE(read[0].secret_hash.has_value());
  EXPECT_THAT(read[0].accounts, ElementsAre("12", "13"));
  EXPECT_EQ(read[0].requests_per_second, 50);
  EXPECT_EQ(read[0].burst, 120U);
  EXPECT_EQ(read[0].upstream_share, 4);
  EXPECT_EQ(read[0].certificate, "tableau.internal");
}

TEST_F(ClientsTest, WhatIsLeftOutLimitsNothing) {
  const auto read = clients(head);
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_THAT(read[0].accounts, IsEmpty());
  EXPECT_EQ(read[0].requests_per_second, 0);
  EXPECT_EQ(read[0].burst, 0U);
  EXPECT_EQ(read[0].upstream_share, 1);
  EXPECT_EQ(read[0].certificate, "");
}

TEST_F(ClientsTest, AnUnknownKeyIsRefusedWithASuggestion) {
  EXPECT_THAT(
      loader_.mistakes(head + "acounts = [\"1\"]\n"),
      ElementsAre(AllOf(StartsWith("FILE:4: client.acounts: "), HasSubstr("did you mean accounts?"))));
  EXPECT_THAT(loader_.mistakes("client = 5\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: client: "), HasSubstr("[[client]]"))));
  EXPECT_THAT(loader_.mistakes("[client]\nname = \"a\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: client: "), HasSubstr("[[client]]"))));
  EXPECT_THAT(loader_.mistakes("[[clients]]\nname = \"a\"\n"),
              ElementsAre(HasSubstr("did you mean client?")));
}

TEST_F(ClientsTest, ANameIsOneThatLogsAndTokensCanCarry) {
  for (const std::string& name : {std::string("a"), std::string("Tableau_2.eu-west"), std::string(64, 'x')}) {
    EXPECT_THAT(clients("[[client]]\nname = \"" + name + "\"\n" + a_secret), SizeIs(1)) << name;
  }
  for (const std::string& name :
       {std::string("\"\""), '"' + std::string(65, 'x') + '"', std::string("\"a b\""), std::string("\"a:b\""),
        std::string("\"a/b\""), std::string("\"é\""), std::string("5")}) {
    EXPECT_THAT(loader_.mistakes("[[client]]\nname = " + name + "\n" + a_secret),
                ElementsAre(AllOf(StartsWith("FILE:2: client.name = " + name),
                                  HasSubstr("accepted: 1 to 64 of A-Za-z0-9._-"))))
        << name;
  }
  EXPECT_THAT(loader_.mistakes("\n[[client]]\n" + a_secret),
              ElementsAre(StartsWith("FILE:2: client.name = \"\": accepted: ")));
}

// A secret in place of its hash is the likeliest slip; printed, it would end up in a log.
TEST_F(ClientsTest, WhatIsNoHashIsRefusedAndNotRepeated) {
  for (const std::string value : {"\"hunter2\"", "\"\"", "5", "[\"hunter2\"]", "\"$argon2id$v=19$hunter2\"",
                                  "\"$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$hunter2\""}) {
    EXPECT_THAT(loader_.mistakes("[[client]]\nname = \"a\"\nsecret_hash = " + value + "\n"),
                ElementsAre(AllOf(StartsWith("FILE:3: client.secret_hash: "), Not(HasSubstr("hunter2")),
                                  HasSubstr("accepted: \"$scrypt$ln="), HasSubstr("hash-secret"))))
        << value;
  }
  EXPECT_THAT(loader_.mistakes("[[client]]\nname = \"a\"\nsecret = \"hunter2\"\n"),
              Contains(AllOf(StartsWith("FILE:3: client.secret: "), HasSubstr("accepted: secret_hash"),
                             HasSubstr("hash-secret"))));
  EXPECT_THAT(loader_.mistakes("[[client]]\nname = \"a\"\nsecret = \"hunter2\"\n"),
              Each(Not(HasSubstr("hunter2"))));
}

TEST_F(ClientsTest, AClientCanShowSomething) {
  EXPECT_THAT(loader_.mistakes("[[client]]\nname = \"a\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: client \"a\": can show nothing"),
                                HasSubstr("accepted: secret_hash or certificate"))));
  const auto read = clients("[[client]]\nname = \"a\"\ncertificate = \"a\"\n" + tls);
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_FALSE(read[0].secret_hash.has_value());
}

TEST_F(ClientsTest, NothingIsTwoClients) {
  EXPECT_THAT(loader_.mistakes(head + "[[client]]\nname = \"a\"\n" + secret_of('x')),
              ElementsAre(StartsWith("FILE:4: client.name = \"a\": there is one of this name already")));
  EXPECT_THAT(loader_.mistakes(head + "[[client]]\nname = \"b\"\n" + a_secret),
              ElementsAre(AllOf(StartsWith("FILE:4: client.secret_hash: is that of client \"a\""),
                                Not(HasSubstr("scrypt")))));
  EXPECT_THAT(
      loader_.mistakes(head + "certificate = \"x\"\n[[client]]\nname = \"b\"\ncertificate = \"x\"\n" + tls),
      ElementsAre(StartsWith("FILE:5: client.certificate = \"x\": is that of client \"a\"")));
  EXPECT_THAT(clients(head + "[[client]]\nname = \"b\"\n" + secret_of('x') + "[[client]]\nname = \"A\"\n" +
                      secret_of('y')),
              SizeIs(3))
      << "names differ by case, too";
}

TEST_F(ClientsTest, ACertificateIsAskedFor) {
  EXPECT_THAT(loader_.mistakes(head + "certificate = \"a.internal\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: client.certificate = \"a.internal\": "),
                                HasSubstr("listen.tls.client_ca_file"))));
  for (const std::string value : {"\"\"", "5", "\" a\"", "\"a \"", "\"a\\nb\"", "\"caf\u00e9\""}) {
    EXPECT_THAT(loader_.mistakes(head + "certificate = " + value + "\n" + tls),
                ElementsAre(StartsWith("FILE:4: client.certificate = ")))
        << value;
  }
  EXPECT_EQ(clients(head + "certificate = \"Tableau Server\"\n" + tls).front().certificate, "Tableau Server");
}

TEST_F(ClientsTest, AccountsAreOneOrMoreAccountIds) {
  for (const char* accounts : {"[]", "\"1\"", "[1]", "[\"1\", \"1\"]", "[\"a/b\"]", "[\"\"]", "[\"*\"]"}) {
    EXPECT_THAT(loader_.mistakes(head + "accounts = " + accounts + "\n"),
                AllOf(SizeIs(1), Each(StartsWith("FILE:4: client.accounts = "))))
        << accounts;
  }
}

TEST_F(ClientsTest, ARateHasABurstOfASecondsWorth) {
  const auto burst = [this](const std::string& rate) {
    return clients(head + "requests_per_second = " + rate + "\n").front().burst;
  };
  EXPECT_EQ(burst("0.01"), 1U);
  EXPECT_EQ(burst("1"), 1U);
  EXPECT_EQ(burst("2.5"), 3U);
  EXPECT_EQ(burst("100000"), 100'000U);
  EXPECT_EQ(burst("0"), 0U) << "no limit";
}

TEST_F(ClientsTest, ARateThatIsNoneIsRefused) {
  for (const std::string rate : {"-1", "0.001", "100000.5", "\"50\"", "inf", "nan", "true", "[1]"}) {
    EXPECT_THAT(loader_.mistakes(head + "requests_per_second = " + rate + "\n"),
                ElementsAre(AllOf(StartsWith("FILE:4: client.requests_per_second = "),
                                  HasSubstr("accepted: 0, or a number from 0.01 to 100000"))))
        << rate;
  }
  for (const std::string burst : {"0", "-1", "1.5", "100001", "\"5\"", "9223372036854775807"}) {
    EXPECT_THAT(loader_.mistakes(head + "requests_per_second = 5\nburst = " + burst + "\n"),
                ElementsAre(AllOf(StartsWith("FILE:5: client.burst = "),
                                  HasSubstr("accepted: a whole number from 1 to 100000"))))
        << burst;
  }
}

TEST_F(ClientsTest, ABurstIsARates) {
  for (const std::string rate : {"", "requests_per_second = 0\n"}) {
    EXPECT_THAT(loader_.mistakes(head + rate + "burst = 5\n"),
                ElementsAre(AllOf(HasSubstr("client.burst = 5: "), HasSubstr("requests_per_second"))))
        << rate;
  }
}

TEST_F(ClientsTest, SharesAreTheSameInEveryBudget) {
  const auto settings = loader_.load(
      head + "upstream_share = 4\n[[client]]\nname = \"b\"\n" + secret_of('x') +
      "[[client]]\nname = \"c\"\nupstream_share = 0.5\n" + secret_of('y') +
      "[[credential]]\nname = \"x\"\naccounts = [\"1\"]\nbudget = { burst = 3 }\n[[credential]]\nname = "
      "\"y\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_THAT(settings->upstream.budget.shares, ElementsAre(Pair("a", 4.0), Pair("c", 0.5)))
      << "of any other it is 1";
  ASSERT_THAT(settings->credentials, SizeIs(2));
  EXPECT_EQ(settings->credentials[0].budget.shares, settings->upstream.budget.shares);
  EXPECT_EQ(settings->credentials[1].budget.shares, settings->upstream.budget.shares);
  const auto without_credential = loader_.load(head + "upstream_share = 4\n");
  ASSERT_TRUE(without_credential);
  EXPECT_THAT(without_credential->credentials.front().budget.shares, ElementsAre(Pair("a", 4.0)));
}

TEST_F(ClientsTest, AShareThatIsNoneIsRefused) {
  for (const char* weight : {"0", "0.001", "-1", "1000.5", "\"4\"", "true", "inf", "nan", "[1]"}) {
    EXPECT_THAT(loader_.mistakes(head + "upstream_share = " + weight + "\n"),
                ElementsAre(AllOf(StartsWith("FILE:4: client.upstream_share = "),
                                  HasSubstr("accepted: a weight, a number from 0.01 to 1000"))))
        << weight;
  }
}

TEST_F(ClientsTest, AreNoVariables) {
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_CLIENT_SECRET_HASH", "x"}}),
              ElementsAre(StartsWith("$ROKTCACHED_CLIENT_SECRET_HASH: no such setting")));
}

}  // namespace
}  // namespace roktcached::config
