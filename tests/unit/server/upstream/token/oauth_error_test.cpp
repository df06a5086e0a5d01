#include "server/upstream/token/oauth_error.h"

#include <gtest/gtest.h>

namespace roktcached::upstream {
namespace {

class OAuthErrorTest : public testing::Test {
 protected:
  OAuthErrorTest() {
    credential.app_id = config::Secret("app-4711-of-somebody");
    credential.app_secret = config::Secret("Canary+Secret/0815~x");
  }
  [[nodiscard]] std::string shown(std::string_view content) const {
    return to_string(read_oauth_error(content, credential));
  }
  [[nodiscard]] std::string of_description(const std::string& description) const {
    return shown(R"({"error":"invalid_client","error_description":")" + description + "\"}");
  }

  config::Credential credential;
};

constexpr const char* withheld = "invalid_client (withheld: it repeats the credential)";

TEST_F(OAuthErrorTest, IsTheCodeAndItsDescription) {  // RFC 6749, section 5.2
  EXPECT_EQ(shown(R"({"error":"invalid_client"})"), "invalid_client");
  EXPECT_EQ(of_description("Unknown application"), "invalid_client (Unknown application)");
  EXPECT_EQ(shown(R"({"error_description":"Come back later","x":1})"), "Come back later");
}

TEST_F(OAuthErrorTest, IsEmptyWhereTheAnswerHasNone) {
  for (const char* content : {"", "{}", "[]", "<html>no</html>", "null", R"({"error":7})", R"({"error":""})",
                              R"({"error":"invalid_client")"})
    EXPECT_EQ(shown(content), "") << content;
  EXPECT_EQ(shown(R"({"error":"a","x":")" + std::string(70'000, 'x') + "\"}"), "") << "not read at all";
}

TEST_F(OAuthErrorTest, IsPrintableAndShort) {
  EXPECT_EQ(of_description(R"(a\r\nb\u0000c\u001b[31md\u00e9\u2028e)"), "invalid_client (abc[31mde)");
  EXPECT_EQ(of_description(std::string(5000, 'z')), "invalid_client (" + std::string(200, 'z') + "...)");
  EXPECT_EQ(shown(R"({"error":")" + std::string(5000, 'z') + "\"}"), std::string(64, 'z') + "...");
}

TEST_F(OAuthErrorTest, TellsWhetherTheClientIsWrong) {
  for (const char* code : {"invalid_client", "unauthorized_client"})
    EXPECT_TRUE(OAuthError({code, ""}).is_about_client()) << code;
  for (const char* code :
       {"", "invalid_request", "server_error", "temporarily_unavailable", "invalid_clients"})
    EXPECT_FALSE(OAuthError({code, ""}).is_about_client()) << code;
}

TEST_F(OAuthErrorTest, NeverRepeatsTheCredential) {
  for (const char* echo : {
           "no such pair: app-4711-of-somebody:Canary+Secret/0815~x",
           "secret Canary+Secret/0815~x is wrong",
           "secret CANARY+SECRET/0815~X is wrong",
           "secret Canary%2BSecret%2f0815%7Ex is wrong",
           "secret %43%61%6e%61%72%79%2b%53%65%63%72%65%74%2f%30%38%31%35%7e%78",
           "secret 43616e6172792b5365637265742f303831357e78 is wrong",
           "secret 43616E6172792B5365637265742F303831357E78 is wrong",
           R"(secret Canary\u0007+Secret\u00e9/0815~x is wrong)",
           "starts with Canary+S",
           "ends with t/0815~x",
           "app-4711-of-somebody is unknown",
           "APP-4711-... is unknown",
           // base64 of ID:SECRET, of SECRET, of xSECRET and of xxSECRET
           "Basic YXBwLTQ3MTEtb2Ytc29tZWJvZHk6Q2FuYXJ5K1NlY3JldC8wODE1fng= was sent",
           "Q2FuYXJ5K1NlY3JldC8wODE1fng",
           "eENhbmFyeStTZWNyZXQvMDgxNX54",
           "eHhDYW5hcnkrU2VjcmV0LzA4MTV-eA",
           "eHhDYW5hcnkrU2VjcmV0LzA4MTV+eA==",
       })
    EXPECT_EQ(of_description(echo), withheld) << echo;
  EXPECT_EQ(of_description(std::string(300, '.') + "Canary+Secret/0815~x"), withheld)
      << "also behind the bound";
  EXPECT_EQ(shown(R"({"error":"Canary+Secret/0815~x"})"), "withheld: it repeats the credential");
  EXPECT_EQ(of_description("Canary and secret are words"), "invalid_client (Canary and secret are words)");
}

TEST_F(OAuthErrorTest, NeverRepeatsAShortCredentialEither) {
  credential.app_secret = config::Secret("pw1");
  EXPECT_EQ(of_description("pw1 is wrong"), withheld);
  EXPECT_EQ(of_description("70 77 31 is no pw 1"), "invalid_client (70 77 31 is no pw 1)");
  credential.app_secret = config::Secret();
  credential.app_id = config::Secret();
  EXPECT_EQ(of_description("anything"), "invalid_client (anything)");
}

}  // namespace
}  // namespace roktcached::upstream
