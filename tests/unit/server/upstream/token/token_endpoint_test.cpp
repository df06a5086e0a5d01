#include "server/upstream/token/token_endpoint.h"

#include <thread>

#include "server/system_clock.h"
#include "server/worker_pool.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

class TokenEndpointTest : public testing::Test {
 protected:
  static config::Credential credential(const char* secret) {
    config::Credential credential;
    credential.name = "emea";
    credential.app_id = config::Secret("app");
    credential.app_secret = config::Secret(secret);
    return credential;
  }
  /// Where the secrets are kept: they have been rotated.
  Result<config::Credential> read_again() {
    read_by = std::this_thread::get_id();
    return credential("new");
  }

  asio::io_context context;
  WorkerPool helpers{1, "testing"};
  std::thread::id read_by;
  std::string refusal = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";  // of the old secret
  Loopback server{context, [this](tcp::socket& socket) -> asio::awaitable<void> {
                    const std::string head = co_await read_head(socket);
                    const bool is_new = head.find("Basic YXBwOm5ldw==") != std::string::npos;  // app:new
                    const std::string granted = answer(R"({"access_token":"t","expires_in":60})");
                    co_await write_text(socket, is_new ? granted : refusal);
                  }};
  config::Upstream settings = [this] {
    config::Upstream upstream;
    upstream.url = server.url();
    return upstream;
  }();
  Origin origin{context.get_executor(), settings};
  SystemClock clock;
  TokenEndpoint endpoint{context.get_executor(),
                         helpers.executor(),
                         origin,
                         credential("old"),
                         [this] { return read_again(); },
                         clock};
};

TEST_F(TokenEndpointTest, ReadsSecretsOnAnotherThread) {
  EXPECT_TRUE(run(context, endpoint.take_new_secret()));
  EXPECT_NE(read_by, std::thread::id());
  EXPECT_NE(read_by, std::this_thread::get_id()) << "their disk may hang, and others are served here";
  EXPECT_FALSE(run(context, endpoint.take_new_secret())) << "it is in use already";
}

TEST_F(TokenEndpointTest, TakesOverASecretThatWasRotatedWhenTheOldOneIsRefused) {
  const FetchedToken token = run(context, endpoint.fetch());
  ASSERT_TRUE(token) << token.error().error.context;
  EXPECT_EQ((*token)->value.reveal(), "t");
  EXPECT_NE(read_by, std::this_thread::get_id());
}

TEST_F(TokenEndpointTest, SaysWhenToComeAgainWhereTheEndpointDoes) {
  using std::literals::operator""s;
  for (const auto& [status, wait] : {std::pair("429", std::optional(7s)), std::pair("503", std::optional(7s)),
                                     std::pair("500", std::optional<std::chrono::seconds>())}) {
    refusal = "HTTP/1.1 " + std::string(status) + " No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    const FetchedToken token = run(context, endpoint.fetch());
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().retry_after, wait) << status;
  }
}

}  // namespace
}  // namespace roktcached::upstream
