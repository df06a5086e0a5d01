#include "server/access/token_request.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace roktcached::access {
namespace {

using Code = TokenRefusal::Code;
using Kind = Presented::Kind;

const std::string grant = "grant_type=client_credentials";

/// The credential to be verified, as "KIND TEXT".
std::string shown_by(std::string_view form, Presented shown = {}) {
  const auto read = read_token_request(form, shown);
  const auto* request = std::get_if<TokenRequest>(&read);
  if (request == nullptr) return "refused";
  const Presented found = request->shown();
  const std::string_view kind = found.kind == Kind::api_key ? "key"
                                : found.kind == Kind::basic ? "basic"
                                : found.shows_nothing()     ? "nothing"
                                                            : "?";
  return std::string(kind).append(" ").append(found.text);
}

std::optional<Code> refusal(std::string_view form, Presented shown = {}) {
  const auto read = read_token_request(form, shown);
  const auto* refused = std::get_if<TokenRefusal>(&read);
  if (refused == nullptr) return std::nullopt;
  EXPECT_FALSE(refused->description.empty());
  return refused->code;
}

TEST(TokenRequest, ShowsTheFormsCredentials) {
  EXPECT_EQ(shown_by(grant + "&client_id=tableau&client_secret=s%2Bc+ret"), "key tableau:s+c+ret");
  EXPECT_EQ(shown_by("client_secret=a:b&client_id=x&" + grant + "&scope=reports"), "key x:a:b");
}

TEST(TokenRequest, ShowsTheFieldsCredentials) {
  EXPECT_EQ(shown_by(grant, {Kind::basic, "YTpi"}), "basic YTpi");
  EXPECT_EQ(shown_by(grant + "&client_id=a", {Kind::basic, "YTpi"}), "basic YTpi");
  EXPECT_EQ(shown_by(grant + "&client_secret=", {Kind::basic, "YTpi"}), "basic YTpi") << "as if left out";
  EXPECT_EQ(shown_by(grant, {Kind::api_key, "S"}), "key S");
}

/// The second reading of a Basic; empty if there is none.
std::string form_decoded_of(std::string_view base64) {
  const auto read = read_token_request(grant, {Kind::basic, base64});
  const auto second = std::get<TokenRequest>(read).form_decoded();
  return second ? std::string(second->text) : std::string();
}

/// RFC 6749, section 2.3.1: openid-client encodes '-', '.' and '_', too; curl and requests-oauthlib nothing.
TEST(TokenRequest, ABasicMayBeFormEncoded) {
  const char* encoded_name = "cG93ZXIlMkRiaTphJTJCYg==";  // power%2Dbi:a%2Bb
  EXPECT_EQ(shown_by(grant, {Kind::basic, encoded_name}), "key power-bi:a+b") << "no name has a '%'";
  EXPECT_EQ(form_decoded_of(encoded_name), "");
  const char* encoded_secret = "YTphJTJCYg==";  // a:a%2Bb
  EXPECT_EQ(shown_by(grant, {Kind::basic, encoded_secret}), std::string("basic ") + encoded_secret);
  EXPECT_EQ(form_decoded_of(encoded_secret), "a:a+b");
  EXPECT_EQ(form_decoded_of("YTpi"), "") << "a:b";
}

TEST(TokenRequest, ABasicThatIsNotFormEncodedIsReadAsItIs) {
  for (const char* text :
       {"YTo1MCU=", "YTolMg==", "YSU6Yg==", "YSUzQWI6Yw==", "YWI=", "!"}) {  // a:50% a:%2 a%:b a%3Ab:c ab
    EXPECT_EQ(shown_by(grant, {Kind::basic, text}), std::string("basic ") + text);
    EXPECT_EQ(form_decoded_of(text), "") << text;
  }
}

TEST(TokenRequest, ShowsNothingWhereACertificateMayTell) {
  EXPECT_EQ(shown_by(grant), "nothing ");
  EXPECT_EQ(shown_by(grant + "&client_id=nightly"), "nothing ");
}

TEST(TokenRequest, CredentialsTwiceAreRefused) {
  EXPECT_EQ(refusal(grant + "&client_id=a&client_secret=b", {Kind::basic, "YTpi"}), Code::invalid_request);
  EXPECT_EQ(refusal(grant + "&client_id=a&client_secret=b", {Kind::api_key, "S"}), Code::invalid_request);
  EXPECT_EQ(refusal(grant + "&client_id=a&client_secret=b", {Kind::other, "x"}), Code::invalid_request);
}

TEST(TokenRequest, AMalformedFormIsRefused) {
  for (const char* form : {"", "grant_type=", "grant_type", "{\"grant_type\":\"client_credentials\"}",
                           "grant_type=client_credentials&x=%", "grant_type=client_credentials&x= ",
                           "grant_type=client_credentials&grant_type=client_credentials",
                           "grant_type=client_credentials&client_id=a&client_id=b&client_secret=c",
                           "grant_type=client_credentials&client_secret=b"})
    EXPECT_EQ(refusal(form), Code::invalid_request) << form;
}

/// Whoever sends it is not known yet, and each parameter costs many times its own size.
TEST(TokenRequest, AFormOfMoreThanAHundredParametersIsRefused) {
  std::string form = grant;
  for (int i = 0; i < 99; ++i) form += "&x" + std::to_string(i);
  EXPECT_EQ(shown_by(form), "nothing ");
  EXPECT_EQ(refusal(form + "&x98"), Code::invalid_request);
  EXPECT_EQ(refusal(form + "&x99"), Code::invalid_request);
}

TEST(TokenRequest, AnotherGrantIsRefused) {
  EXPECT_EQ(refusal("grant_type=password&client_id=a&client_secret=b"), Code::unsupported_grant_type);
  EXPECT_EQ(refusal("grant_type=Client_Credentials"), Code::unsupported_grant_type);
}

TEST(TokenRequest, ATokenBegetsNoToken) {
  EXPECT_EQ(refusal(grant, {Kind::local_token, "local.a.b.c"}), Code::invalid_client);
  EXPECT_EQ(refusal(grant, {Kind::other, "Digest a"}), Code::invalid_client);
  EXPECT_EQ(refusal(grant, {Kind::foreign_token, "x"}), Code::invalid_client);
}

/// "a:b" with "c" would be read as "a" with "b:c".
TEST(TokenRequest, AnIdWithAColonIsNobodys) {
  EXPECT_EQ(refusal(grant + "&client_id=a%3Ab&client_secret=c"), Code::invalid_client);
}

TEST(TokenAnswer, IsThatOfTheRfc) {
  const http::Answer granted = token_granted("local.a.b.c");
  EXPECT_EQ(granted.status, 200U);
  EXPECT_NE(granted.head.find("Cache-Control: no-store\r\n"), std::string::npos);
  const auto content = boost::json::parse(granted.body->view());
  EXPECT_EQ(content.at("access_token").as_string(), "local.a.b.c");
  EXPECT_EQ(content.at("token_type").as_string(), "Bearer");
  EXPECT_EQ(content.at("expires_in").as_int64(), 3600);

  const http::Answer refused = token_refused(invalid_client());
  EXPECT_EQ(refused.status, 401U);
  EXPECT_NE(refused.head.find("WWW-Authenticate: Basic realm=\"roktcached\"\r\n"), std::string::npos);
  EXPECT_EQ(boost::json::parse(refused.body->view()).at("error").as_string(), "invalid_client");
  const http::Answer malformed = token_refused({Code::invalid_request, "why"});
  EXPECT_EQ(malformed.status, 400U);
  EXPECT_EQ(malformed.head.find("WWW-Authenticate"), std::string::npos);
  EXPECT_EQ(boost::json::parse(malformed.body->view()).at("error").as_string(), "invalid_request");
  EXPECT_EQ(boost::json::parse(token_refused({Code::unsupported_grant_type, "why"}).body->view()).at("error"),
            "unsupported_grant_type");
}

}  // namespace
}  // namespace roktcached::access
