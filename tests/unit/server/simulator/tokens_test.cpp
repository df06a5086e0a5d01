#include "server/simulator/tokens.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace roktcached::simulator {
namespace {

using std::chrono::seconds;

constexpr std::string_view demo = "Basic ZGVtby1hcHA6ZGVtby1zZWNyZXQ=";  // demo-app:demo-secret
constexpr std::string_view grant = "grant_type=client_credentials";
const Tokens::Time first_issue{seconds{1000}};

class TokensTest : public testing::Test {
 protected:
  /// The Authorization that a new token makes.
  std::string bearer(Tokens::Time now = first_issue) {
    const Reply reply = tokens_.mint(demo, grant, now);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return "Bearer " + std::string(boost::json::parse(reply.body).at("access_token").as_string());
  }

  std::string error_of(std::string_view authorization, std::string_view form) {
    const Reply reply = tokens_.mint(authorization, form, first_issue);
    EXPECT_EQ(reply.status, 400U) << authorization << " " << form;
    const auto body = boost::json::parse(reply.body).as_object();
    return body.contains("error") ? std::string(body.at("error").as_string()) : "";
  }

  Tokens tokens_{"demo-app", "demo-secret", seconds{3600}};
};

TEST_F(TokensTest, AnswersLikeRfc6749) {
  const auto body = boost::json::parse(tokens_.mint(demo, grant, first_issue).body).as_object();
  EXPECT_EQ(body.size(), 3U);
  EXPECT_FALSE(body.at("access_token").as_string().empty());
  EXPECT_EQ(body.at("expires_in"), 3600);
  EXPECT_EQ(body.at("token_type"), "Bearer");
}

TEST_F(TokensTest, EveryTokenIsAnotherOneAndAllAreAcceptedTogether) {
  const std::string first = bearer();
  const std::string second = bearer();
  EXPECT_NE(first, second);
  EXPECT_TRUE(tokens_.accepts(first, first_issue));
  EXPECT_TRUE(tokens_.accepts(second, first_issue));
}

TEST_F(TokensTest, ATokenIsAcceptedForItsLifetime) {
  const std::string token = bearer();
  EXPECT_TRUE(tokens_.accepts(token, first_issue + seconds{3599}));
  EXPECT_FALSE(tokens_.accepts(token, first_issue + seconds{3600}));
}

TEST_F(TokensTest, AMintForgetsExpiredTokensButNoOthers) {
  const std::string old = bearer();
  const std::string young = bearer(first_issue + seconds{10});
  bearer(first_issue + seconds{3605});
  EXPECT_FALSE(tokens_.accepts(old, first_issue + seconds{3605}));
  EXPECT_TRUE(tokens_.accepts(young, first_issue + seconds{3605}));
}

TEST_F(TokensTest, WhatIsNoTokenIsNotAccepted) {
  const std::string token = bearer().substr(std::string_view("Bearer ").size());
  for (const std::string& authorization :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Bearer nonsense"),
        std::string(demo), token, "Basic " + token, "Bearer " + token + "x"}) {
    EXPECT_FALSE(tokens_.accepts(authorization, first_issue)) << authorization;
  }
}

TEST_F(TokensTest, TheSchemeIsReadInAnyCase) {
  std::string token = bearer();
  token.replace(0, 6, "bEARER");
  EXPECT_TRUE(tokens_.accepts(token, first_issue));
  EXPECT_EQ(tokens_.mint("bAsIc ZGVtby1hcHA6ZGVtby1zZWNyZXQ=", grant, first_issue).status, 200U);
}

TEST_F(TokensTest, AWrongBasicIs400) {
  for (const std::string_view authorization :
       {"", "Basic", "Basic ", "Basic ZGVtby1hcHA6d3Jvbmc=", "Basic ZGVtby1hcHA=", "Basic ????", "Basic Z",
        "Bearer ZGVtby1hcHA6ZGVtby1zZWNyZXQ=", "Basic ZGVtby1hcHA6ZGVtby1zZWNyZXQhIQ=="}) {
    EXPECT_EQ(error_of(authorization, grant), "invalid_client");
  }
}

TEST_F(TokensTest, CredentialsAreReadWhateverTheirPadding) {
  Tokens one("a", "b", seconds{1});
  EXPECT_EQ(one.mint("Basic YTpi", grant, first_issue).status, 200U);
  Tokens two("a", "bc", seconds{1});
  EXPECT_EQ(two.mint("Basic YTpiYw==", grant, first_issue).status, 200U);
}

TEST_F(TokensTest, AnotherGrantIs400) {
  for (const std::string_view form :
       {"", "grant_type=", "grant_type=authorization_code", "grant_type=client_credentials2",
        "other_grant_type=client_credentials", "{\"grant_type\":\"client_credentials\"}"}) {
    EXPECT_EQ(error_of(demo, form), "unsupported_grant_type") << form;
  }
}

TEST_F(TokensTest, TheGrantIsFoundAmongOtherFields) {
  EXPECT_EQ(tokens_.mint(demo, "scope=report&grant_type=client_credentials&x=1", first_issue).status, 200U);
}

}  // namespace
}  // namespace roktcached::simulator
