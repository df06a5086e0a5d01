#include "core/base64.h"
#include "server/access/scrypt.h"
#include "server/access/token_key.h"
#include "server/runtime.h"
#include "tests/unit/server/net/certificates.h"
#include "tests/unit/server/session/session_fixture.h"

namespace roktcached::session {
namespace {

using namespace std::chrono_literals;

/// Sessions where clients have to say who they are.
class SessionClientsTest : public SessionFixture {
 protected:
  SessionClientsTest() {
    config::Client client;
    client.name = "tableau";
    client.secret_hash = access::hash_secret("tableaus-own-secret", 10);
    put_in_force({client});
  }
  /// What a reload does.
  void put_in_force(std::vector<config::Client> clients) {
    auto registry = std::make_shared<access::ClientRegistry>(std::move(clients), access::random_token_key());
    auto runtime = std::make_shared<const Runtime>(config::Settings(), registry, ++number_);
    in_force = std::make_shared<const ThreadRuntime>(
        ThreadRuntime{std::move(runtime), std::make_shared<access::Authenticator>(*registry, clock)});
  }
  void start_here(bool encrypted = false) {
    sent.clear();
    session.emplace(Session::Environment{limits, handler, contexts, clock, &in_force}, "192.0.2.7",
                    encrypted);
  }
  static std::string get_as(const std::string& pair) {
    return get("/hit", "Authorization: Basic " + to_base64url(pair) + "\r\n");
  }

  ThreadRuntimePtr in_force;

 private:
  std::uint64_t number_ = 0;
};

TEST_F(SessionClientsTest, TheHandlerIsAskedOnceTheClientIsKnown) {
  start_here();
  EXPECT_EQ(receive_and_go_on(get_as("tableau:tableaus-own-secret")), Need::client);
  EXPECT_EQ(session->advance(), Need::client) << "to ask twice changes nothing";
  EXPECT_TRUE(handler.asked.empty());
  session->drain();
  EXPECT_EQ(go_on(), Need::client) << "a drain waits for it";
  session->authenticated({.kind = access::AccessDecision::Kind::granted});
  EXPECT_EQ(go_on(), Need::end);
  ASSERT_EQ(handler.asked.size(), 1U);
  EXPECT_TRUE(sent.ends_with("\r\n\r\nhit"));
}

TEST_F(SessionClientsTest, ARefusalTakesThePlaceOfTheHandlersAnswer) {
  start_here();
  EXPECT_EQ(receive_and_go_on(get_as("tableau:wrong")), Need::client);
  http::Answer refusal;
  refusal.status = 401;
  session->authenticated({.kind = access::AccessDecision::Kind::answered, .answer = std::move(refusal)});
  EXPECT_EQ(go_on(), Need::request) << "the connection goes on";
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 401 ")) << sent;
  EXPECT_TRUE(handler.asked.empty());
  sent.clear();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request) << "nothing shown: that needs no waiting";
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 401 ")) << sent;
  EXPECT_TRUE(handler.asked.empty());
}

TEST_F(SessionClientsTest, WhatWasAnsweredIsNotHeldBackForWhoAsksNext) {
  start_here();
  receive(get("/hit") + get_as("tableau:tableaus-own-secret"));
  EXPECT_EQ(session->advance(), Need::flush);
  take_output();
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 401 ")) << sent;
  EXPECT_EQ(session->advance(), Need::client);
}

/// A request is served to its end under the settings that it has begun under, and the next one under those in
/// force then.
TEST_F(SessionClientsTest, AReloadIsForTheNextRequest) {
  start_here();
  EXPECT_EQ(receive_and_go_on(get_as("tableau:tableaus-own-secret")), Need::client);
  const std::weak_ptr<const ThreadRuntime> before = in_force;
  put_in_force({});
  EXPECT_FALSE(before.expired()) << "the request has it";
  session->authenticated({.kind = access::AccessDecision::Kind::granted});
  EXPECT_EQ(go_on(), Need::request);
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  EXPECT_TRUE(before.expired());
}

/// A connection outlives reloads: whose its certificate is follows from the settings in force.
TEST_F(SessionClientsTest, ACertificateIsWhoseTheLatestSettingsSay) {
  const net::Identity identity("nightly.internal");
  config::Client nightly;
  nightly.name = "nightly";
  nightly.certificate = "nightly.internal";
  put_in_force({nightly});
  handler.client = nightly.name;
  start_here(true);
  session->handshake_done(identity.certificate.get());
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 200 ")) << sent;
  nightly.certificate = "another.internal";
  put_in_force({nightly});
  sent.clear();
  EXPECT_EQ(receive_and_go_on(get("/hit")), Need::request);
  EXPECT_TRUE(sent.starts_with("HTTP/1.1 401 ")) << sent;
}

}  // namespace
}  // namespace roktcached::session
