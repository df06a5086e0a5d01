// A secret that a client has shown must not lie about in memory once its request is done with: a core dump,
// or the next reader of a buffer, would have it.
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "counting_allocator.h"
#include "tests/unit/server/net/certificates.h"
#include "tests/unit/server/session/connection_fixture.h"

namespace roktcached::session {
namespace {

/// As long as secrets are, and nowhere in memory but in the program's own text.
constexpr std::string_view secret = "s3cr3t-0a1b2c3d4e5f6071829304a5b6c7d8e9";

constexpr std::string_view post_with_secrets =
    "POST /token?api_key=s3cr3t-0a1b2c3d4e5f6071829304a5b6c7d8e9 HTTP/1.1\r\nHost: a\r\n"
    "Authorization: Basic s3cr3t-0a1b2c3d4e5f6071829304a5b6c7d8e9\r\nX-API-Key: "
    "s3cr3t-0a1b2c3d4e5f6071829304a5b6c7d8e9\r\nContent-Length: 87\r\n\r\n"
    "grant_type=client_credentials&x=1&client_secret=s3cr3t-0a1b2c3d4e5f6071829304a5b6c7d8e9";
constexpr std::size_t of_content_cut_off = 2;

class SecretsInMemory : public ConnectionFixture {
 protected:
  SecretsInMemory() { handler.keeps = false; }
  void run_what_can() {
    context.restart();
    context.poll();
  }
};

TEST_F(SecretsInMemory, AreFoundWhereTheyAreLeft) {
  const test::WatchedMemory memory;
  EXPECT_FALSE(memory.holds(secret));
  { const std::string copy(secret); }
  EXPECT_TRUE(memory.holds(secret)) << "this is how it would look";
}

TEST_F(SecretsInMemory, AreGoneAfterAnAnswer) {
  const test::WatchedMemory memory;
  start();
  send(post_with_secrets);
  run_until_received("\r\n\r\nfound");
  run_what_can();
  ASSERT_FALSE(is_over());
  EXPECT_FALSE(memory.holds(secret)) << "while the connection waits for another request";
  client.reset();
  run_until([&] { return is_over(); });
  EXPECT_FALSE(memory.holds(secret));
}

/// The fields of a request that comes again are known, but for the secret among them.
TEST_F(SecretsInMemory, AreGoneAfterTheSameRequestAgain) {
  const std::string key = "X-API-Key: " + std::string(secret) + "\r\n";
  const std::string authorization = "Authorization: " + std::string(secret) + "\r\n";
  for (const std::string& fields : {key, authorization, key + authorization, authorization + key}) {
    const std::string request = get("/a", fields);
    const test::WatchedMemory memory;
    start();
    for (int times = 1; times <= 3; ++times) {
      send(request);
      run_until_received("\r\n\r\nfound");
      received.clear();
      run_what_can();
      EXPECT_FALSE(memory.holds(secret)) << fields.substr(0, fields.find(':')) << ", " << times;
    }
    client.reset();
    run_until([&] { return is_over(); });
  }
}

TEST_F(SecretsInMemory, AreGoneWhereAPostIsCut) {
  const test::WatchedMemory memory;
  start();
  send(post_with_secrets.substr(0, post_with_secrets.size() - of_content_cut_off));
  run_what_can();
  ASSERT_FALSE(is_over());
  client.reset();
  run_until([&] { return is_over(); });
  EXPECT_FALSE(memory.holds(secret.substr(0, secret.size() - of_content_cut_off)));
}

TEST_F(SecretsInMemory, AreGoneWhereTheirRequestCameBehindChunks) {
  const test::WatchedMemory memory;
  start();
  send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  send(post_with_secrets);  // both are read at once
  run_until([&] { return handler.finished_ones.size() == 2; });
  client.reset();
  run_until([&] { return is_over(); });
  EXPECT_FALSE(memory.holds(secret.substr(0, 30)));
}

TEST_F(SecretsInMemory, AreGoneWhereAHeadIsCut) {
  const test::WatchedMemory memory;
  start();
  send(post_with_secrets.substr(0, post_with_secrets.find("Content-Length")));
  run_what_can();
  client.reset();
  run_until([&] { return is_over(); });
  EXPECT_FALSE(memory.holds(secret));
}

TEST_F(SecretsInMemory, AreGoneWhereContentComesInManyPieces) {
  const test::WatchedMemory memory;
  start();
  for (std::size_t at = 0; at < post_with_secrets.size(); at += 60) {
    send(post_with_secrets.substr(at, 60));
    run_what_can();
  }
  run_until_received("\r\n\r\nfound");
  client.reset();
  run_until([&] { return is_over(); });
  EXPECT_FALSE(memory.holds(secret.substr(0, 30)));
}

/// OpenSSL's own buffers are its own business, and not looked into.
class SecretsOverTls : public SecretsInMemory {
 protected:
  using Client = asio::ssl::stream<asio::local::stream_protocol::socket>;

  void start_tls() {
    const net::Identity identity("localhost");
    auto server = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    server->use_certificate(asio::buffer(identity.certificate_pem()), asio::ssl::context::pem);
    server->use_private_key(asio::buffer(identity.key_pem()), asio::ssl::context::pem);
    start(std::move(server));
    tls_client.emplace(
        asio::local::stream_protocol::socket(context, asio::local::stream_protocol(), client->release()),
        client_context);
    bool done = false;
    tls_client->async_handshake(asio::ssl::stream_base::client,
                                [&](const boost::system::error_code& error) { done = !error; });
    run_until([&] { return done; });
  }
  void send_over_tls(std::string_view text) {
    bool done = false;
    asio::async_write(*tls_client, asio::buffer(text),
                      [&](const boost::system::error_code& error, std::size_t) { done = !error; });
    run_until([&] { return done; });
  }
  void run_until_answered(std::size_t answers) {
    std::array<char, 4096> buffer{};
    while (handler.finished_ones.size() < answers || !received.ends_with("found")) {
      bool done = false;
      tls_client->async_read_some(asio::buffer(buffer),
                                  [&](const boost::system::error_code& error, std::size_t size) {
                                    done = true;
                                    if (!error) received.append(buffer.data(), size);
                                  });
      run_until([&] { return done; });
      if (HasFailure()) return;
    }
  }
  void part() {
    tls_client->lowest_layer().close();
    run_until([&] { return is_over(); });
  }

  asio::ssl::context client_context{asio::ssl::context::tls_client};
  std::optional<Client> tls_client;
};

TEST_F(SecretsOverTls, AreGoneWhileAConnectionIsKept) {
  const test::WatchedMemory memory;
  start_tls();
  send_over_tls(post_with_secrets);
  run_until_answered(1);
  run_what_can();
  ASSERT_FALSE(is_over());
  EXPECT_FALSE(memory.holds(secret));
  send_over_tls("GET /miss HTTP/1.1\r\nHost: a\r\n\r\n");
  run_until_answered(2);
  EXPECT_FALSE(memory.holds(secret));
  part();
  EXPECT_FALSE(memory.holds(secret));
}

TEST_F(SecretsOverTls, AreGoneWhereAPostIsCut) {
  const test::WatchedMemory memory;
  start_tls();
  send_over_tls(post_with_secrets.substr(0, post_with_secrets.size() - of_content_cut_off));
  run_what_can();
  part();
  EXPECT_FALSE(memory.holds(secret.substr(0, secret.size() - of_content_cut_off)));
}

}  // namespace
}  // namespace roktcached::session
