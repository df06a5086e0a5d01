#include "server/access/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <utility>

#include "core/base64.h"
#include "server/access/scrypt.h"
#include "server/access/token_key.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/net/certificates.h"

namespace roktcached::access {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr unsigned cheapest = 10;
constexpr std::string_view secret = "tableaus-own-secret";
constexpr std::string_view slow_secret = "the-slow-ones-secret";

config::Client client_of(std::string name, std::string_view its_secret) {
  config::Client client;
  client.name = std::move(name);
  client.secret_hash = hash_secret(its_secret, cheapest);
  return client;
}

std::vector<config::Client> some_clients() {
  std::vector<config::Client> clients = {client_of("tableau", secret), client_of("slow", slow_secret), {}};
  clients[0].accounts = {"12"};
  clients[1].requests_per_second = 2;
  clients[1].burst = 2;
  clients[2].name = "nightly";
  clients[2].certificate = "nightly.internal";
  return clients;
}

std::string basic(std::string_view pair) {
  return "Basic " + to_base64url(pair);  // the pairs here need neither '-' nor '_'
}

std::string bearer(const http::Answer& granted) {
  return "Bearer " + std::string(boost::json::parse(granted.body->view()).at("access_token").as_string());
}

class AuthenticatorTest : public testing::Test {
 protected:
  static http::Request request(std::string_view field = "", std::string_view value = "") {
    http::Request made;
    made.method = "GET";
    made.target = "/v1/query/accounts/12/overview";
    made.id = "id-1";
    made.client = "10.0.0.1";
    if (!field.empty()) made.fields.add(field, value);
    return made;
  }
  static http::Request token_request(std::string form, std::string_view authorization = "") {
    http::Request made = request();
    made.method = "POST";
    made.target = "/auth/oauth2/token";
    made.body = std::move(form);
    if (!authorization.empty()) made.fields.add("Authorization", authorization);
    return made;
  }
  AccessDecision verify(http::Request& shown, std::optional<std::size_t> certified = std::nullopt) {
    return verify_at(authenticator, shown, certified);
  }
  AccessDecision verify_at(Authenticator& door, http::Request& shown,
                           std::optional<std::size_t> certified = std::nullopt) {
    std::optional<AccessDecision> found;
    boost::asio::co_spawn(context, door.verify(shown, certified),
                          [&](const std::exception_ptr& failure, AccessDecision admission) {
                            EXPECT_FALSE(failure);
                            found = std::move(admission);
                          });
    context.restart();
    context.run();
    return std::move(found.value());
  }
  /// As a connection asks.
  AccessDecision ask(http::Request& shown, std::optional<std::size_t> certified = std::nullopt) {
    AccessDecision admission = authenticator.recall(shown, certified);
    if (admission.kind == AccessDecision::Kind::unknown) admission = verify(shown, certified);
    EXPECT_NE(admission.kind, AccessDecision::Kind::unknown);
    return admission;
  }
  /// The answer in place of the handler's; its status is 0 if there is none.
  http::Answer refusal(http::Request shown, std::optional<std::size_t> certified = std::nullopt) {
    AccessDecision admission = ask(shown, certified);
    if (admission.kind == AccessDecision::Kind::granted) {
      admission.answer.status = 0;
    } else {
      EXPECT_EQ(shown.rules, nullptr);
    }
    return std::move(admission.answer);
  }

  const std::vector<config::Client> clients = some_clients();
  FakeClock clock;
  boost::asio::io_context context{1};
  ClientRegistry registry{clients, random_token_key()};
  Authenticator authenticator{registry, clock};
};

void expect_unauthenticated(const http::Answer& answer) {
  EXPECT_EQ(answer.status, 401U);
  EXPECT_THAT(answer.head, HasSubstr("WWW-Authenticate: Basic realm=\"roktcached\"\r\n"));
  EXPECT_THAT(answer.head, HasSubstr("WWW-Authenticate: Bearer realm=\"roktcached\""));
}

/// RFC 6750, section 3.1: no error code where no authentication was shown.
TEST_F(AuthenticatorTest, SaysThatATokenIsInvalidOnlyWhereOneWasShown) {
  const auto says_so = [this](const http::Request& asking) {
    const http::Answer answer = refusal(asking);
    expect_unauthenticated(answer);
    return answer.head.find("error=\"invalid_token\"") != std::string::npos;
  };
  for (const char* shown : {"Bearer local.tableau.a.b", "bearer local.", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"})
    EXPECT_TRUE(says_so(request("Authorization", shown))) << shown;
  for (const char* shown : {"", "Bearer", "Basic !", "Digest a"})
    EXPECT_FALSE(says_so(request("Authorization", shown))) << shown;
  EXPECT_FALSE(says_so(request("Authorization", basic("tableau:wrong"))));
  EXPECT_FALSE(says_so(request("X-API-Key", "wrong")));
  http::Request by_key = request("X-API-Key", "wrong");
  by_key.fields.add("Authorization", "Bearer x");
  EXPECT_FALSE(says_so(by_key)) << "the token was not looked at";
}

TEST_F(AuthenticatorTest, TellsWhoShowsNothingWhatToShow) {
  http::Request shown = request();
  const AccessDecision admission = authenticator.recall(shown, std::nullopt);
  ASSERT_EQ(admission.kind, AccessDecision::Kind::answered) << "at once";
  expect_unauthenticated(admission.answer);
  EXPECT_EQ(shown.client, "10.0.0.1");
  EXPECT_EQ(registry.verifier.scrypts(), 0U);
}

TEST_F(AuthenticatorTest, KnowsAnApiKeyFromTheFieldAndTheTarget) {
  for (const std::string& key : {std::string(secret), "tableau:" + std::string(secret)}) {
    http::Request in_field = request("X-API-Key", key);
    EXPECT_EQ(authenticator.recall(in_field, std::nullopt).kind, AccessDecision::Kind::unknown);
    EXPECT_EQ(verify(in_field).kind, AccessDecision::Kind::granted);
    EXPECT_EQ(in_field.client, "tableau");
    EXPECT_EQ(in_field.rules, &registry.clients[0]);

    http::Request in_target = request();
    in_target.api_key.emplace(key);
    EXPECT_EQ(authenticator.recall(in_target, std::nullopt).kind, AccessDecision::Kind::granted)
        << "the same was shown before";
    EXPECT_EQ(in_target.client, "tableau");
    EXPECT_EQ(in_target.rules, &registry.clients[0]);
  }
}

TEST_F(AuthenticatorTest, KnowsBasicAndTakesItOff) {
  const std::string pair = basic("tableau:" + std::string(secret));
  http::Request first = request("Authorization", pair);
  EXPECT_EQ(authenticator.recall(first, std::nullopt).kind, AccessDecision::Kind::unknown);
  EXPECT_TRUE(first.fields.contains("Authorization")) << "verify has yet to see it";
  EXPECT_EQ(verify(first).kind, AccessDecision::Kind::granted);
  http::Request second = request("Authorization", pair);
  EXPECT_EQ(authenticator.recall(second, std::nullopt).kind, AccessDecision::Kind::granted);
  for (const http::Request* one : {&first, &second}) {
    EXPECT_EQ(one->client, "tableau");
    EXPECT_EQ(one->rules, &registry.clients[0]);
    EXPECT_FALSE(one->fields.contains("Authorization"));
  }
  EXPECT_EQ(registry.verifier.scrypts(), 1U);
}

TEST_F(AuthenticatorTest, KnowsALocalTokenAtOnceAndTakesItOff) {
  http::Request shown = request("Authorization", "Bearer " + registry.tokens.issue(1, clock.wall));
  EXPECT_EQ(authenticator.recall(shown, std::nullopt).kind, AccessDecision::Kind::granted);
  EXPECT_EQ(shown.client, "slow");
  EXPECT_EQ(shown.rules, &registry.clients[1]);
  EXPECT_FALSE(shown.fields.contains("Authorization"));
  EXPECT_EQ(registry.verifier.scrypts(), 0U);
}

TEST_F(AuthenticatorTest, LetsNobodyInOnAnExpiredToken) {
  const std::string token = "Bearer " + registry.tokens.issue(0, clock.wall);
  EXPECT_EQ(refusal(request("Authorization", token)).status, 0U);
  clock.advance(1h);
  expect_unauthenticated(refusal(request("Authorization", token)));
}

TEST_F(AuthenticatorTest, LeavesAnAuthorizationThatIsNotWhatWasShown) {
  http::Request shown = request("X-API-Key", secret);
  shown.fields.add("Authorization", "Bearer its-own");
  EXPECT_EQ(ask(shown).kind, AccessDecision::Kind::granted);
  EXPECT_EQ(shown.fields.find("Authorization"), "Bearer its-own") << "it is for the upstream";
  shown.fields.add("Authorization", basic("tableau:" + std::string(secret)));
  EXPECT_EQ(ask(shown).kind, AccessDecision::Kind::granted);
  EXPECT_FALSE(shown.fields.contains("Authorization")) << "of two, one may be what was shown to us";
}

TEST_F(AuthenticatorTest, SaysTheSameOfEverythingThatIsWrong) {
  const std::string right(secret);
  std::optional<std::string> said;
  const auto expect_same = [&](const http::Request& shown) {
    const http::Answer answer = refusal(shown);
    expect_unauthenticated(answer);
    if (!said) said = answer.body->view();
    EXPECT_EQ(*answer.body, *said);
    EXPECT_THAT(*answer.body, Not(HasSubstr(secret)));
  };
  expect_same(request());
  for (const std::string& key : {std::string(), std::string("wrong"), "slow:" + right, "nobody:" + right,
                                 "nightly:" + right, right + "x"})
    expect_same(request("X-API-Key", key));
  for (const std::string& value :
       {std::string(), basic("tableau:wrong"), basic("slow:" + right), basic(right), std::string("Basic !"),
        std::string("Basic Y"), std::string("Basic"), std::string("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"),
        std::string("Bearer local.tableau.a.b"), std::string("Digest tableau"), "Bearer " + right})
    expect_same(request("Authorization", value));
}

TEST_F(AuthenticatorTest, RefusesWhatHasTwoReadings) {
  http::Request two_keys = request("X-API-Key", secret);
  two_keys.fields.add("X-API-Key", secret);
  http::Request field_and_target = request("X-API-Key", secret);
  field_and_target.api_key.emplace(std::string(secret));
  http::Request two_authorizations = request("Authorization", basic("tableau:" + std::string(secret)));
  two_authorizations.fields.add("Authorization", "Bearer x");
  http::Request token = token_request("grant_type=client_credentials", "Basic YTpi");
  token.fields.add("Authorization", "Basic YTpi");
  for (http::Request* shown : {&two_keys, &field_and_target, &two_authorizations, &token}) {
    const AccessDecision admission = authenticator.recall(*shown, 2);
    ASSERT_EQ(admission.kind, AccessDecision::Kind::answered);
    EXPECT_EQ(admission.answer.status, 400U);
    EXPECT_THAT(*admission.answer.body, Not(HasSubstr(secret)));
  }
}

TEST_F(AuthenticatorTest, TakesACertificateWhereNothingElseIsShown) {
  http::Request shown = request();
  EXPECT_EQ(authenticator.recall(shown, 2).kind, AccessDecision::Kind::granted) << "at once";
  EXPECT_EQ(shown.client, "nightly");
  EXPECT_EQ(shown.rules, &registry.clients[2]);

  http::Request shows_more = request("X-API-Key", secret);
  EXPECT_EQ(ask(shows_more, 2).kind, AccessDecision::Kind::granted);
  EXPECT_EQ(shows_more.client, "tableau");
  expect_unauthenticated(refusal(request("X-API-Key", "wrong"), 2));
  expect_unauthenticated(refusal(request("Authorization", "Bearer its-own"), 2));
}

TEST_F(AuthenticatorTest, KnowsWhoseCertificateItIs) {
  EXPECT_EQ(authenticator.client_of(net::Identity("nightly.internal").certificate.get()), 2U);
  EXPECT_EQ(authenticator.client_of(net::Identity("tableau").certificate.get()), std::nullopt)
      << "a client's name is none";
  EXPECT_EQ(authenticator.client_of(nullptr), std::nullopt);
}

TEST_F(AuthenticatorTest, HoldsAClientToItsRateHoweverItShowsItself) {
  http::Request first = request("X-API-Key", slow_secret);
  EXPECT_EQ(ask(first).kind, AccessDecision::Kind::granted);
  EXPECT_EQ(refusal(request("Authorization", "Bearer " + registry.tokens.issue(1, clock.wall))).status, 0U);
  http::Request third = request("Authorization", basic("slow:" + std::string(slow_secret)));
  const AccessDecision admission = ask(third);
  ASSERT_EQ(admission.kind, AccessDecision::Kind::answered);
  EXPECT_EQ(admission.answer.status, 429U);
  EXPECT_THAT(admission.answer.head, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(*admission.answer.body, HasSubstr("client slow may send 2 requests a second"));
  EXPECT_EQ(third.client, "slow") << "for the accounts";
  EXPECT_EQ(refusal(request("X-API-Key", secret)).status, 0U) << "others have their own";
  clock.advance(500ms);
  EXPECT_EQ(refusal(request("X-API-Key", slow_secret)).status, 0U);
}

TEST_F(AuthenticatorTest, WhoIsNobodyUsesUpNobodysRate) {
  for (int i = 0; i < 5; ++i) expect_unauthenticated(refusal(request("X-API-Key", "slow:wrong")));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(refusal(request("X-API-Key", slow_secret)).status, 0U);
}

TEST_F(AuthenticatorTest, SharesRateAndVerdictsWithTheOtherThreads) {
  Authenticator other(registry, clock);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(refusal(request("X-API-Key", slow_secret)).status, 0U);
  const std::uint64_t before = registry.verifier.scrypts();
  http::Request shown = request("Authorization", "Bearer " + registry.tokens.issue(1, clock.wall));
  EXPECT_EQ(other.recall(shown, std::nullopt).answer.status, 429U);
  EXPECT_EQ(registry.verifier.scrypts(), before);
}

TEST_F(AuthenticatorTest, GivesATokenForASecretOrACertificate) {
  const std::string form = "grant_type=client_credentials";
  const std::string own = "&client_id=tableau&client_secret=" + std::string(secret);
  const auto pair = basic("tableau:" + std::string(secret));
  const std::vector<std::pair<http::Request, std::size_t>> cases = {
      {token_request(form, pair), 0}, {token_request(form + own), 0}, {token_request(form), 2}};
  for (const auto& [asking, client] : cases) {
    http::Request shown = asking;
    const std::optional<std::size_t> certified = client == 2 ? std::optional(client) : std::nullopt;
    EXPECT_EQ(authenticator.recall(shown, certified).kind, AccessDecision::Kind::unknown);
    const AccessDecision admission = verify(shown, certified);
    ASSERT_EQ(admission.kind, AccessDecision::Kind::answered);
    ASSERT_EQ(admission.answer.status, 200U) << admission.answer.body->view();
    EXPECT_EQ(admission.answer.notes.route, "token");
    EXPECT_EQ(shown.body, std::string(asking.body.size(), '\0')) << "client_secret may stand there";
    EXPECT_EQ(shown.client, clients[client].name);
    EXPECT_THAT(admission.answer.head, HasSubstr("Cache-Control: no-store\r\n"));
    http::Request with_token = request("Authorization", bearer(admission.answer));
    EXPECT_EQ(authenticator.recall(with_token, std::nullopt).kind, AccessDecision::Kind::granted);
    EXPECT_EQ(with_token.rules, &registry.clients[client]);
  }
}

TEST_F(AuthenticatorTest, RefusesTokensAsOAuthSays) {
  const auto expect_refused = [&](const http::Request& asking, unsigned status, const char* error) {
    const http::Answer answer = refusal(asking);
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(boost::json::parse(answer.body->view()).at("error").as_string(), error);
    EXPECT_EQ(answer.head.find("WWW-Authenticate: Basic") != std::string::npos, status == 401);
    EXPECT_EQ(answer.notes.route, "token");
    EXPECT_EQ(answer.notes.outcome, http::CacheOutcome::refused);
  };
  const std::string form = "grant_type=client_credentials";
  const std::string right = basic("tableau:" + std::string(secret));
  expect_refused(token_request(form), 401, "invalid_client");
  expect_refused(token_request(form, basic("tableau:wrong")), 401, "invalid_client");
  expect_refused(token_request(form + "&client_id=slow&client_secret=" + std::string(secret)), 401,
                 "invalid_client");
  expect_refused(token_request(form, "Bearer " + registry.tokens.issue(0, clock.wall)), 401,
                 "invalid_client");
  expect_refused(token_request("", right), 400, "invalid_request");
  expect_refused(token_request(form + "&" + form, right), 400, "invalid_request");
  expect_refused(token_request("grant_type=password", right), 400, "unsupported_grant_type");
}

TEST_F(AuthenticatorTest, HoldsTokenRequestsToTheRateToo) {
  const http::Request asking =
      token_request("grant_type=client_credentials", basic("slow:" + std::string(slow_secret)));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(refusal(asking).status, 200U);
  EXPECT_EQ(refusal(asking).status, 429U);
}

TEST_F(AuthenticatorTest, AnswersTheTokenEndpointForPostsOfItsPathAlone) {
  http::Request with_query = token_request("grant_type=client_credentials");
  with_query.target += "?a=b";
  EXPECT_EQ(authenticator.recall(with_query, 2).kind, AccessDecision::Kind::unknown);
  for (const char* target :
       {"/auth/oauth2/token/", "/auth/oauth2/tokens", "/auth/oauth2", "//auth/oauth2/token"}) {
    http::Request other = token_request("grant_type=client_credentials");
    other.target = target;
    EXPECT_EQ(authenticator.recall(other, 2).kind, AccessDecision::Kind::granted) << target;
  }
  http::Request get = token_request("");
  get.method = "GET";
  EXPECT_EQ(authenticator.recall(get, 2).kind, AccessDecision::Kind::granted) << "the route table refuses it";
}

TEST_F(AuthenticatorTest, SaysThatItIsOverloadedWhereNoSecretIsCheckedAnyMore) {
  registry.verifier.stop();
  EXPECT_EQ(refusal(request("X-API-Key", secret)).status, 503U);
  const http::Answer answer =
      refusal(token_request("grant_type=client_credentials", basic("tableau:" + std::string(secret))));
  EXPECT_EQ(answer.status, 503U) << "that is no fault of the client's";
}

TEST_F(AuthenticatorTest, OfLaterSettingsKnowsWhoIsStillThereWithoutAnotherScrypt) {
  http::Request shown = request("X-API-Key", secret);
  ASSERT_EQ(ask(shown).kind, AccessDecision::Kind::granted);
  const std::string name = shown.client;
  for (const bool stays : {true, false}) {
    std::vector<config::Client> others(clients.rbegin(), clients.rend());
    if (!stays) std::erase_if(others, [&](const config::Client& one) { return one.name == name; });
    ClientRegistry later(others, random_token_key(), &registry);
    Authenticator its_door(later, clock);
    http::Request again = request("X-API-Key", secret);
    EXPECT_EQ(its_door.recall(again, std::nullopt).kind, AccessDecision::Kind::unknown);
    const AccessDecision found = verify_at(its_door, again);
    EXPECT_EQ(found.kind, stays ? AccessDecision::Kind::granted : AccessDecision::Kind::answered);
    if (!stays) continue;
    EXPECT_EQ(again.client, name);
    EXPECT_EQ(later.verifier.scrypts(), 0U);
  }
}

TEST_F(AuthenticatorTest, OfLaterSettingsKnowsNobodyByASecretThatWasChanged) {
  http::Request shown = request("X-API-Key", secret);
  ASSERT_EQ(ask(shown).kind, AccessDecision::Kind::granted);
  std::vector<config::Client> changed = clients;
  changed[0].secret_hash = hash_secret("tableaus-next-secret", cheapest);
  ClientRegistry later(changed, random_token_key(), &registry);
  Authenticator its_door(later, clock);
  EXPECT_EQ(verify_at(its_door, shown).answer.status, 401U);
}

}  // namespace
}  // namespace roktcached::access
