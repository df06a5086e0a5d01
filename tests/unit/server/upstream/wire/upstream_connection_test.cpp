#include "server/upstream/wire/upstream_connection.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>

#include "tests/unit/server/upstream/wire/connection_fixture.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

TEST(ConnectionLifetime, IsTheMaximumAgeOrUpToATenthLess) {
  EXPECT_EQ(connection_lifetime(10min, 0), 10min);
  EXPECT_EQ(connection_lifetime(10min, 0.5), 9min + 30s);
  EXPECT_GT(connection_lifetime(10min, 0.999), 9min);
  EXPECT_EQ(connection_lifetime(0ms, 0.7), 0ms);
}

TEST_F(ConnectionTest, KnowsAnAnswerThatIsLongerThanItsLength) {
  Loopback server(context, answering(answer("one") + "more"));
  settings.url = server.url();
  Origin origin(context.get_executor(), settings);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = exchange(**connection);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->body, "one");
  EXPECT_TRUE(answered->surplus);
  EXPECT_FALSE((*connection)->reusable());
}

TEST(OriginTest, NamesItsPortInHostWhereThatIsNotTheUsualOne) {
  asio::io_context context;
  const auto host_of = [&](bool tls, std::uint16_t port) {
    config::Upstream settings;
    settings.url = {tls, "api.example", port, ""};
    return Origin(context.get_executor(), settings).host_line;
  };
  EXPECT_EQ(host_of(false, 80), "Host: api.example\r\n");
  EXPECT_EQ(host_of(false, 443), "Host: api.example:443\r\n");
  EXPECT_EQ(host_of(true, 443), "Host: api.example\r\n");
  EXPECT_EQ(host_of(true, 80), "Host: api.example:80\r\n");
}

TEST_F(ConnectionTest, ReadsAFewInterimAnswersAndNoMore) {
  for (const int interim : {8, 9}) {
    std::string bytes;
    for (int i = 0; i < interim; ++i) bytes += "HTTP/1.1 103 Early Hints\r\n\r\n";
    Loopback server(context, answering(bytes + answer("one")));
    settings.url = server.url();
    Origin origin(context.get_executor(), settings);
    Opened connection = open(origin);
    ASSERT_TRUE(connection);
    const Answered answered = exchange(**connection);
    EXPECT_EQ(answered.has_value(), interim == 8) << interim;
  }
}

TEST_F(ConnectionTest, HoldsWhatAnAnswerTakesWhereThereIsRoom) {
  storage::BodyAccount account(10'000);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                              std::string(2000, 'y') + "\r\n0\r\n\r\n";
  for (const std::string& bytes : {answer(std::string(2000, 'x')), chunked}) {
    Loopback server(context, answering(bytes));
    settings.url = server.url();
    Origin origin(context.get_executor(), settings, &account);
    Opened connection = open(origin);
    ASSERT_TRUE(connection);
    Answered answered = exchange(**connection);
    ASSERT_TRUE(answered) << answered.error().context;
    EXPECT_GE(account.read().growing, 2000U);
    const auto body = answered->held.share(std::move(answered->body));
    EXPECT_EQ(account.read().all, 2000U);
  }
  EXPECT_EQ(account.read().all, 0U);
}

TEST_F(ConnectionTest, RefusesAnAnswerForWhichThereIsNoRoom) {
  storage::BodyAccount account(1999);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                              std::string(2000, 'y') + "\r\n0\r\n\r\n";
  for (const std::string& bytes : {answer(std::string(2000, 'x')), chunked}) {
    Loopback server(context, answering(bytes));
    settings.url = server.url();
    Origin origin(context.get_executor(), settings, &account);
    Opened connection = open(origin);
    ASSERT_TRUE(connection);
    const Answered answered = exchange(**connection);
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().code, ErrorCode::overloaded);
    EXPECT_FALSE((*connection)->reusable());
    EXPECT_EQ(account.read().all, 0U);
  }
}

/// Somebody gives way only after a moment.
TEST_F(ConnectionTest, WaitsForRoomWhileSomethingGivesWay) {
  storage::BodyAccount account(2000);
  auto slow = storage::BodyAccount::Growing(account).share(std::string(500, 's'));
  account.when_short([this, &slow] {
    asio::post(context, [&slow] { slow.reset(); });
    return true;
  });
  Loopback server(context, answering(answer(std::string(2000, 'x'))));
  settings.url = server.url();
  Origin origin(context.get_executor(), settings, &account);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = exchange(**connection);
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body.size(), 2000U);
}

TEST_F(ConnectionTest, SendsWholeWhatTheSystemDoesNotTakeAtOnce) {
  const std::string content = std::string(16 << 20, 'x') + "end";
  WireRequest request("POST", "", "/");
  request.set_content(content);
  WipedBuffer head;
  request.append_head(head);
  std::string received(head.size() + content.size(), '\0');
  Loopback server(context, [&received](tcp::socket& socket) -> asio::awaitable<void> {
    co_await asio::async_read(socket, asio::buffer(received), as_result);
    co_await write_text(socket, answer("taken"));
  });
  settings.url = server.url();
  Origin origin(context.get_executor(), settings);
  Opened connection = open(origin);
  ASSERT_TRUE(connection);
  const Answered answered = run(context, (*connection)->exchange(request));
  ASSERT_TRUE(answered) << answered.error().context;
  EXPECT_EQ(answered->body, "taken");
  EXPECT_TRUE(received.starts_with("POST / HTTP/1.1\r\n"));
  EXPECT_TRUE(received.ends_with("\r\n\r\n" + content));
}

}  // namespace
}  // namespace roktcached::upstream
