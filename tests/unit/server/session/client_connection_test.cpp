#include "server/session/client_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/asio.h"

namespace roktcached::session {
namespace {

using namespace std::chrono_literals;

/// Waits until its request's client has gone, or it is let go on.
class Wait {
 public:
  Wait(const asio::any_io_executor& executor, Departure* departure)
      : timer_(executor, SteadyTime::max()), watch_(departure, [this] { timer_.cancel(); }) {}
  asio::awaitable<void> wait() { co_await timer_.async_wait(as_result); }
  void end() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  Departure::Watch watch_;
};

/// Content of which the first piece is there, and the next never comes.
class StallingContent final : public http::ContentSource {
 public:
  StallingContent(const asio::any_io_executor& executor, Departure* departure) : wait_(executor, departure) {}
  asio::awaitable<Result<std::optional<http::ContentPiece>>> next() override {
    if (!std::exchange(begun_, true)) {
      const auto piece = std::make_shared<const std::string>("piece");
      co_return http::ContentPiece{piece, *piece};
    }
    co_await wait_.wait();
    co_return Error{ErrorCode::client_gone, true, "gone", ErrorSource::upstream};
  }

 private:
  Wait wait_;
  bool begun_ = false;
};

class WaitingHandler final : public http::Handler {
 public:
  struct Finished {
    unsigned status;
    http::Written written;
  };

  explicit WaitingHandler(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  bool answer_now(http::Request& request, http::Answer& answer) override {
    if (request.target != "/hit") return false;
    answer.body = caching::share_body("hit");
    return true;
  }
  asio::awaitable<http::Answer> handle(const http::Request& request) override {
    ++handled;
    gone_at_first = gone_at_first || request.departure->gone();
    http::Answer answer;
    if (request.target == "/content") {
      answer.content = std::make_shared<StallingContent>(executor_, request.departure);
    } else {
      waiting.emplace(executor_, request.departure);
      co_await waiting->wait();
      waiting.reset();
      answer.body = caching::share_body("late");
    }
    co_return answer;
  }
  void finished(const http::Request&, const http::Answer& answer, const http::Written& written) override {
    all.push_back({answer.status, written});
  }

  std::optional<Wait> waiting;
  std::vector<Finished> all;
  int handled = 0;
  bool gone_at_first = false;

 private:
  asio::any_io_executor executor_;
};

class ClientConnectionTest : public testing::Test, private Registrar {
 protected:
  using Local = asio::local::stream_protocol;

  ClientConnectionTest() {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) throw std::bad_alloc();
    client.emplace(ends[1]);
    Registrar& registrar = *this;
    connection_ = std::make_shared<ClientConnection>(
        ClientConnection::Accepted{context.get_executor(), Descriptor(ends[0]), Local::endpoint(), nullptr},
        server_, registrar);
    connection_->start();
  }

  void send(std::string_view text) {
    ASSERT_EQ(::send(client->get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  void ask(const std::string& target) { send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"); }
  std::string received() {
    std::string text(64 * 1024, '\0');
    const ssize_t size = ::recv(client->get(), text.data(), text.size(), 0);
    return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  template <class Done>
  void run_until(Done done) {
    context.restart();
    while (!done() && context.run_one() > 0) {
    }
    EXPECT_TRUE(done());
  }
  [[nodiscard]] bool is_over() const { return connection_ == nullptr; }
  void drain() { connection_->drain(); }

  asio::io_context context{1};
  WaitingHandler handler{context.get_executor()};
  std::optional<Descriptor> client;

 private:
  void ended(ClientConnection&) override { connection_.reset(); }

  const Limits limits_;
  ContextPool contexts_{limits_};
  net::IdlePoller poller_{context.get_executor()};
  net::HangupWatch hangups_{context.get_executor(), 1ms};
  const ServerContext server_{
      .limits = limits_, .handler = handler, .contexts = contexts_, .poller = poller_, .hangups = hangups_};
  std::shared_ptr<ClientConnection> connection_;
};

TEST_F(ClientConnectionTest, TellsTheHandlerThatTheClientHasGoneAndWritesNothing) {
  ask("/miss");
  run_until([&] { return handler.waiting.has_value(); });
  ::shutdown(client->get(), SHUT_WR);
  run_until([&] { return is_over(); });
  ASSERT_EQ(handler.all.size(), 1U);
  EXPECT_EQ(handler.all[0].status, 499U);
  EXPECT_EQ(handler.all[0].written.cut, http::Cut::client_gone);
  EXPECT_EQ(handler.all[0].written.content_bytes, 0U);
  EXPECT_EQ(received(), "");
}

TEST_F(ClientConnectionTest, SeesAClientGoThatHasAskedForMore) {
  ask("/miss");
  ask("/hit");
  run_until([&] { return handler.waiting.has_value(); });
  client.reset();
  run_until([&] { return is_over(); });
  ASSERT_EQ(handler.all.size(), 1U);
  EXPECT_EQ(handler.all[0].status, 499U);
}

TEST_F(ClientConnectionTest, ContentThatBreaksOffForAClientThatHasGoneIsNotTheUpstreamsFault) {
  ask("/content");
  std::string so_far;
  run_until([&] { return (so_far += received()).find("piece") != std::string::npos; });
  client.reset();
  run_until([&] { return is_over(); });
  ASSERT_EQ(handler.all.size(), 1U);
  EXPECT_EQ(handler.all[0].status, 200U);
  EXPECT_EQ(handler.all[0].written.cut, http::Cut::client_gone);
}

TEST_F(ClientConnectionTest, AClientThatStaysGetsItsAnswersOneAfterTheOther) {
  for (int i = 1; i <= 3; ++i) {
    ask("/miss");
    run_until([&] { return handler.waiting.has_value(); });
    for (int looks = 0; looks < 3; ++looks) context.run_one();
    ASSERT_TRUE(handler.waiting) << "nobody has gone";
    handler.waiting->end();
    std::string answer;
    run_until([&] { return (answer += received()).find("late") != std::string::npos; });
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  }
  EXPECT_EQ(handler.handled, 3);
  EXPECT_FALSE(handler.gone_at_first);
  client.reset();
  run_until([&] { return is_over(); });
}

TEST_F(ClientConnectionTest, ADrainWaitsForTheAnswerAndNoLonger) {
  ask("/miss");
  run_until([&] { return handler.waiting.has_value(); });
  drain();
  context.poll();
  ASSERT_TRUE(handler.waiting);
  handler.waiting->end();
  run_until([&] { return is_over(); });
  EXPECT_NE(received().find("late"), std::string::npos);
  ASSERT_EQ(handler.all.size(), 1U);
  EXPECT_EQ(handler.all[0].status, 200U);
}

}  // namespace
}  // namespace roktcached::session
