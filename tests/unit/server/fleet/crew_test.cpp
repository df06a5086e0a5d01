#include "server/fleet/crew.h"

#include <gtest/gtest.h>

namespace roktcached::fleet {
namespace {

config::Credential with_secret(const char* secret) {
  config::Credential credential;
  credential.app_id = config::Secret("an-app");
  credential.app_secret = config::Secret(secret);
  return credential;
}

TEST(Crew, WhileASecretIsRenewedEveryInstanceUnderstandsAPurgeAndOpensNoAnswerOfTheOther) {
  const Crew with_old(0, with_secret("the old one"), "https://api.rokt.com", {});
  Crew with_new(0, with_secret("the new one"), "https://api.rokt.com", {});
  EXPECT_EQ(with_old.prefix, with_new.prefix);
  EXPECT_EQ(with_old.names.of("key"), with_new.names.of("key"));
  EXPECT_EQ(with_old.purges.open(with_new.purges.seal("a purge", "bound"), "bound"), "a purge");
  const std::string answer = with_old.answers->seal("an answer", "bound");
  EXPECT_FALSE(with_new.answers->open(answer, "bound"));
}

TEST(Crew, ASecretThatWasRenewedStillOpensWhatItHasSealed) {
  Crew crew(0, with_secret("the old one"), "https://api.rokt.com", {});
  const std::string answer = crew.answers->seal("an answer", "bound");
  const std::string token = crew.tokens->seal("a token", "bound");
  crew.seal_with(with_secret("the new one"));
  EXPECT_EQ(crew.answers->open(answer, "bound"), "an answer");
  EXPECT_EQ(crew.tokens->open(token, "bound"), "a token");
  crew.seal_with(with_secret("the newest one"));
  EXPECT_FALSE(crew.tokens->open(token, "bound")) << "two are kept";
}

}  // namespace
}  // namespace roktcached::fleet
