#include "server/access/local_tokens.h"

#include <gtest/gtest.h>

#include "server/access/token_key.h"
#include "tests/unit/server/access/examples.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::access {
namespace {

using namespace std::chrono_literals;

class LocalTokensTest : public testing::Test {
 protected:
  [[nodiscard]] std::optional<std::size_t> client_of(const std::string& token) const {
    const auto bearer = tokens.verify(token, clock.wall);
    return bearer ? std::optional(bearer->client) : std::nullopt;
  }

  const std::vector<config::Client> clients = {client_with("tableau", "a-secret-of-tableau"),
                                               client_with("a.b-c_1", "a-secret-of-another"),
                                               client_with_certificate("nightly", "nightly.internal")};
  const config::Secret master_key = random_token_key();
  const LocalTokens tokens{master_key, clients};
  FakeClock clock;
};

TEST_F(LocalTokensTest, AreTheirClientsAnHour) {
  for (std::size_t client = 0; client < clients.size(); ++client) {
    const std::string token = tokens.issue(client, clock.wall);
    EXPECT_TRUE(token.starts_with("local." + clients[client].name + "."));
    const auto bearer = tokens.verify(token, clock.wall);
    ASSERT_TRUE(bearer) << token;
    EXPECT_EQ(bearer->client, client);
    EXPECT_EQ(bearer->expires_at, clock.wall + 1h);
  }
}

TEST_F(LocalTokensTest, ExpireAfterAnHour) {
  const std::string token = tokens.issue(0, clock.wall);
  clock.advance(1h - 1ms);
  EXPECT_EQ(client_of(token), 0U);
  clock.advance(1ms);
  EXPECT_EQ(client_of(token), std::nullopt);
}

TEST_F(LocalTokensTest, FromTheFutureAreNobodys) {
  const std::string token = tokens.issue(0, clock.wall);
  clock.wall -= 60s;
  EXPECT_EQ(client_of(token), 0U);
  clock.wall -= 1ms;
  EXPECT_EQ(client_of(token), std::nullopt);
}

TEST_F(LocalTokensTest, NoTwoAreAlike) {
  EXPECT_NE(tokens.issue(0, clock.wall), tokens.issue(0, clock.wall));
}

TEST_F(LocalTokensTest, ChangedInAnyByteAreNobodys) {
  const std::string token = tokens.issue(1, clock.wall);
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char other : {'A', 'B', '.', '='}) {
      if (token[i] == other) continue;
      std::string changed = token;
      changed[i] = other;
      EXPECT_EQ(client_of(changed), std::nullopt) << changed;
    }
    EXPECT_EQ(client_of(token.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(client_of(token + "A"), std::nullopt);
  EXPECT_EQ(client_of(token + "="), std::nullopt);
  EXPECT_EQ(client_of(token + "\n"), std::nullopt);
}

/// The code's last digit holds two bits that stand for nothing.
TEST_F(LocalTokensTest, HaveOneSpelling) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::string token = tokens.issue(0, clock.wall);
  std::size_t accepted = 0;
  for (const char digit : digits) {
    std::string changed = token;
    changed.back() = digit;
    accepted += client_of(changed) ? 1U : 0U;
  }
  EXPECT_EQ(accepted, 1U);
}

TEST_F(LocalTokensTest, OfOneClientAreNotAnothers) {
  const std::string token = tokens.issue(0, clock.wall);
  std::string renamed = token;
  renamed.replace(6, std::string("tableau").size(), "nightly");
  EXPECT_EQ(client_of(renamed), std::nullopt);
  renamed.replace(6, std::string("nightly").size(), "unknown");
  EXPECT_EQ(client_of(renamed), std::nullopt);
}

TEST_F(LocalTokensTest, EndWithTheSecretTheNameOrTheMasterKey) {
  const std::string token = tokens.issue(0, clock.wall);
  EXPECT_TRUE(LocalTokens(master_key, clients).verify(token, clock.wall)) << "another process, the same key";
  EXPECT_FALSE(LocalTokens(random_token_key(), clients).verify(token, clock.wall));
  auto changed = clients;
  changed[0] = client_with("tableau", "a-secret-of-tableau");  // only the salt is another
  EXPECT_FALSE(LocalTokens(master_key, changed).verify(token, clock.wall));
  changed = clients;
  changed[0].secret_hash.reset();
  EXPECT_FALSE(LocalTokens(master_key, changed).verify(token, clock.wall));
  changed = clients;
  changed.erase(changed.begin());
  EXPECT_FALSE(LocalTokens(master_key, changed).verify(token, clock.wall));
}

TEST_F(LocalTokensTest, EndWithTheCertificate) {
  const std::string token = tokens.issue(2, clock.wall);
  auto changed = clients;
  changed[2].certificate = "another.internal";
  EXPECT_FALSE(LocalTokens(master_key, changed).verify(token, clock.wall));
}

TEST_F(LocalTokensTest, AClientKeepsItsOwnWhereTheOthersChangePlaces) {
  const std::string token = tokens.issue(0, clock.wall);
  const std::vector<config::Client> turned = {clients[2], clients[1], clients[0]};
  const LocalTokens after(master_key, turned);
  const auto bearer = after.verify(token, clock.wall);
  ASSERT_TRUE(bearer);
  EXPECT_EQ(bearer->client, 2U);
}

TEST_F(LocalTokensTest, WhatIsNoneIsNobodys) {
  for (const std::string& token :
       {std::string(), std::string("local."), std::string("local.tableau"), std::string("local.tableau.."),
        std::string(200, '.'), "local." + std::string(10'000, 'a'), std::string(6 + 64 + 69, 'x'),
        "local.tableau." + std::string(24, 'A') + "." + std::string(43, 'A'),
        "local.." + std::string(24, 'A') + "." + std::string(43, 'A')})
    EXPECT_EQ(client_of(token), std::nullopt) << token;
}

}  // namespace
}  // namespace roktcached::access
