#include "server/upstream/token/token.h"

#include <gtest/gtest.h>

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

Result<TokenPtr> parse(std::string_view content) {
  return parse_token(content, SteadyTime{1000s}, wall_time_from_unix_ms(5000));
}

TEST(ParseToken, ReadsAGoodAnswer) {
  const auto token = parse(R"({"access_token":"abc","expires_in":3600,"token_type":"bearer","other":1})");
  ASSERT_TRUE(token);
  EXPECT_EQ((*token)->value.reveal(), "abc");
  EXPECT_EQ((*token)->expires_at, SteadyTime{4600s});
  EXPECT_EQ((*token)->expires_at_wall, wall_time_from_unix_ms(3'605'000));
}

TEST(ParseToken, TakesTheDocumentedHourWhereNoLifetimeIsGiven) {
  EXPECT_EQ((*parse(R"({"access_token":"abc"})"))->lifetime, 1h);
}

TEST(ParseToken, TakesALifetimeAsRealServersWriteIt) {
  for (const char* lifetime : {"7200", "7200.0", "7.2e3", R"("7200")", R"("7200.0")"}) {
    const auto token = parse(std::string(R"({"access_token":"abc","expires_in":)") + lifetime + "}");
    ASSERT_TRUE(token) << lifetime << ": " << token.error().context;
    EXPECT_EQ((*token)->lifetime, 2h) << lifetime;
  }
  EXPECT_EQ((*parse(R"({"access_token":"abc","expires_in":null})"))->lifetime, 1h) << "as if it were absent";
  const auto shortest = parse(R"({"access_token":"abc","expires_in":1})");
  ASSERT_TRUE(shortest);
  EXPECT_EQ((*shortest)->lifetime, 1s);
  for (const char* longest : {"63072000", "2147483647", "1e99"})
    EXPECT_EQ((*parse(std::string(R"({"access_token":"abc","expires_in":)") + longest + "}"))->lifetime,
              366 * 24h)
        << "renewed after a year at the latest";
}

TEST(ParseToken, AnEmptyOrMalformed200IsAFailureThatNeverRepeatsTheContent) {
  for (const std::string_view bad : {"",
                                     "canary",
                                     "[]",
                                     "{}",
                                     "null",
                                     R"({"access_token":null})",
                                     R"({"access_token":""})",
                                     R"({"access_token":"canary secret"})",
                                     R"({"access_token":"canary\n"})",
                                     R"({"access_token":"canary","expires_in":0})",
                                     R"({"access_token":"canary","expires_in":-1})",
                                     R"({"access_token":"canary","expires_in":0.0004})",
                                     R"({"access_token":"canary","expires_in":"soon"})",
                                     R"({"access_token":"canary","expires_in":""})",
                                     R"({"access_token":"canary","expires_in":"0"})",
                                     R"({"access_token":"canary","expires_in":"3600 s"})",
                                     R"({"access_token":"canary","expires_in":"nan"})",
                                     R"({"access_token":"canary","expires_in":true})",
                                     R"({"access_token":"canary","expires_in":[3600]})",
                                     R"({"access_token":"canary","token_type":"mac"})",
                                     R"({"access_token":"canary")"}) {
    const auto token = parse(bad);
    ASSERT_FALSE(token) << bad;
    EXPECT_EQ(token.error().code, ErrorCode::upstream_invalid_response);
    EXPECT_TRUE(token.error().retryable);
    EXPECT_EQ(token.error().context.find("canary"), std::string::npos) << token.error().context;
  }
}

TEST(RenewalDelay, IsAtMostFourFifthsOfALifetime) {
  EXPECT_EQ(renewal_delay(1000s, 0), 800s);
  EXPECT_NEAR(static_cast<double>(renewal_delay(1000s, 0.999).count()), 700'100, 1);
}

TEST(RetryDelay, GrowsToABoundAndIsNeverZero) {
  EXPECT_EQ(retry_delay(1, 0), 100ms);
  EXPECT_EQ(retry_delay(1, 0.5), 500ms);
  EXPECT_EQ(retry_delay(3, 0.5), 2s);
  EXPECT_EQ(retry_delay(1000, 0.5), 15s);
}

TEST(DoubtAfter, IsShortForShortLives) {
  EXPECT_EQ(doubt_after(1h), 10s);
  EXPECT_EQ(doubt_after(5s), 500ms);
}

}  // namespace
}  // namespace roktcached::upstream
