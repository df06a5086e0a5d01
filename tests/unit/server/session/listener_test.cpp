#include "server/session/listener.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>

#include "server/asio.h"
#include "server/net/listening_socket.h"

namespace roktcached::session {
namespace {

namespace fs = std::filesystem;
using boost::asio::local::stream_protocol;

TEST(ConnectionBudget, LetsAsManyBeOpenAsMayBeAndNoneMore) {
  for (const std::uint64_t most : {1U, 2U, 10U}) {
    ConnectionBudget budget(most);
    for (std::uint64_t i = 0; i < most; ++i) EXPECT_TRUE(budget.take()) << i << " of " << most;
    EXPECT_FALSE(budget.take()) << most;
    EXPECT_FALSE(budget.take()) << "who was refused takes no place";
    EXPECT_EQ(budget.open(), most);
    budget.give_back();
    EXPECT_TRUE(budget.take());
    EXPECT_FALSE(budget.take());
  }
}

class Greeting final : public http::Handler {
 public:
  bool answer_now(http::Request&, http::Answer& answer) override {
    answer.notes.route = "a-route";
    answer.body = caching::share_body("hello");
    return true;
  }
  boost::asio::awaitable<http::Answer> handle(const http::Request&) override { co_return http::Answer{}; }
  void finished(const http::Request&, const http::Answer&, const http::Written&) override {}
};

/// A listener on a Unix socket, and its clients, all run by the test.
class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-listener-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    auto socket = net::UnixSocket::open((folder_ / "a.sock").string(), 0600, "");
    if (!socket) throw std::runtime_error(socket.error().context);
    socket_.emplace(std::move(*socket));
    listener_.emplace(*socket_->acceptor(context_.get_executor()), server_, budget_);
    listener_->start();
  }
  ~ListenerTest() override {
    clients_.clear();
    listener_->drain();
    listener_->abort();
    run();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  stream_protocol::socket& connect() {
    stream_protocol::socket& client = clients_.emplace_back(context_);
    client.connect(stream_protocol::endpoint((folder_ / "a.sock").string()));
    client.non_blocking(true);
    return client;
  }
  void run() {
    context_.restart();
    context_.poll();
  }
  /// What comes of a request: the answer, and whether the connection ends behind it.
  static std::string received(stream_protocol::socket& client) {
    std::string text(16 * 1024, '\0');
    boost::system::error_code error;
    const std::size_t size = client.read_some(boost::asio::buffer(text), error);
    return text.substr(0, size);
  }
  std::string ask(stream_protocol::socket& client) {
    boost::system::error_code ignored;
    client.write_some(boost::asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), ignored);
    run();
    return received(client);
  }
  static bool has_ended(stream_protocol::socket& client) {
    boost::system::error_code error;
    char byte = 0;
    client.read_some(boost::asio::buffer(&byte, 1), error);
    return error == boost::asio::error::eof;
  }

  fs::path folder_;
  boost::asio::io_context context_{1};
  const Limits limits_;
  ContextPool contexts_{limits_};
  net::IdlePoller poller_{context_.get_executor()};
  net::HangupWatch hangups_{context_.get_executor()};
  Greeting handler_;
  const ServerContext server_{
      .limits = limits_, .handler = handler_, .contexts = contexts_, .poller = poller_, .hangups = hangups_};
  ConnectionBudget budget_{2};
  std::optional<net::UnixSocket> socket_;
  std::optional<Listener> listener_;
  std::list<stream_protocol::socket> clients_;
};

TEST_F(ListenerTest, WhoComesBeyondTheBoundIsToldSoAndLetGo) {
  stream_protocol::socket& first = connect();
  stream_protocol::socket& second = connect();
  run();
  EXPECT_TRUE(ask(first).ends_with("\r\n\r\nhello"));
  EXPECT_TRUE(ask(second).ends_with("\r\n\r\nhello"));
  EXPECT_EQ(budget_.open(), 2U);
  stream_protocol::socket& third = connect();
  run();
  const std::string refusal = received(third);
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << refusal;
  EXPECT_NE(refusal.find("\r\nRetry-After: 1\r\n"), std::string::npos);
  EXPECT_NE(refusal.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(refusal.find("urn:roktcached:overloaded"), std::string::npos);
  EXPECT_TRUE(has_ended(third));
  EXPECT_EQ(budget_.open(), 2U);
  EXPECT_TRUE(ask(first).ends_with("\r\n\r\nhello")) << "those who are in stay in";
}

TEST_F(ListenerTest, WhoHasGoneMakesRoomForTheNext) {
  stream_protocol::socket& first = connect();
  connect();
  run();
  first.close();
  run();
  EXPECT_EQ(budget_.open(), 1U);
  stream_protocol::socket& next = connect();
  run();
  EXPECT_TRUE(ask(next).ends_with("\r\n\r\nhello"));
}

TEST_F(ListenerTest, ADrainAcceptsThoseWhoHaveComeAndSeesTheIdleOff) {
  stream_protocol::socket& idle = connect();
  run();
  EXPECT_TRUE(ask(idle).ends_with("\r\n\r\nhello"));
  stream_protocol::socket& waiting = connect();
  boost::system::error_code ignored;
  waiting.write_some(boost::asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), ignored);
  listener_->drain();
  run();
  const std::string answer = received(waiting);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(has_ended(waiting));
  EXPECT_TRUE(has_ended(idle));
  EXPECT_EQ(budget_.open(), 0U);
}

TEST_F(ListenerTest, AnAbortEndsEveryConnection) {
  stream_protocol::socket& client = connect();
  run();
  EXPECT_EQ(budget_.open(), 1U);
  listener_->abort();
  run();
  EXPECT_TRUE(has_ended(client));
  EXPECT_EQ(budget_.open(), 0U);
}

}  // namespace
}  // namespace roktcached::session
