#include "server/upstream/wire/large_content.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <boost/asio/thread_pool.hpp>

#include "server/upstream/wire/pool.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using testing::HasSubstr;

constexpr std::size_t bound = 1000;

/// One answer that a server of ours gives over a pool, where it is larger than the bound.
class LargeContentTest : public testing::Test {
 protected:
  void serve(std::string bytes) {
    server.emplace(context, [bytes](tcp::socket& socket) -> asio::awaitable<void> {
      while (!(co_await read_head(socket)).empty()) {
        co_await write_text(socket, bytes);
        if (bytes.find("Connection: close") != std::string::npos) break;
      }
    });
    settings.url = server->url();
    settings.max_response = bound;
    origin.emplace(context.get_executor(), settings);
    pool.emplace(context.get_executor(), *origin);
  }
  Result<UpstreamResponse> exchange(LargeAnswer large = LargeAnswer::hand_over) {
    const WireRequest request = get();
    return run(context, pool->exchange(request, nullptr, large));
  }
  /// All of it, or how it broke off.
  static asio::awaitable<std::string> all_of(LargeContentPtr content) {
    std::string all;
    while (true) {
      const Result<std::string> piece = co_await content->next();
      if (!piece) co_return piece.error().context;
      if (piece->empty()) co_return all;
      all += *piece;
    }
  }
  std::string read(const LargeContentPtr& content) { return run(context, all_of(content)); }

  asio::io_context context;
  config::Upstream settings;
  std::optional<Loopback> server;
  std::optional<Origin> origin;
  std::optional<Pool> pool;
};

TEST_F(LargeContentTest, AnAnswerWithALengthIsHandedOverAtItsHead) {
  const std::string body(300'000, 'x');
  serve(answer(body));
  const auto response = exchange();
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->too_large);
  EXPECT_TRUE(response->body.empty());
  ASSERT_TRUE(response->large);
  EXPECT_EQ(response->large->length(), body.size());
  EXPECT_EQ(read(response->large), body);
  EXPECT_EQ(read(response->large), "") << "the end stays the end";
}

TEST_F(LargeContentTest, ChunksAreHandedOverOnceThereAreTooMany) {
  std::string chunks;
  for (int i = 0; i < 30; ++i)
    chunks += "64\r\n" + std::string(100, static_cast<char>('a' + i % 26)) + "\r\n";
  serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
  const auto response = exchange();
  ASSERT_TRUE(response && response->large);
  EXPECT_FALSE(response->large->length());
  const std::string content = read(response->large);
  EXPECT_EQ(content.size(), 3000U);
  EXPECT_EQ(content.substr(2900), std::string(100, 'd'));
}

TEST_F(LargeContentTest, OneThatIsNoLargerThanTheBoundIsNone) {
  serve(answer(std::string(bound, 'x')));
  const auto response = exchange();
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->too_large);
  EXPECT_FALSE(response->large);
  EXPECT_EQ(response->body.size(), bound);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(server->connections(), 1) << "and its connection is used again";
}

TEST_F(LargeContentTest, IsRefusedWhereNobodyTakesIt) {
  serve(answer(std::string(bound + 1, 'x')));
  const auto response = exchange(LargeAnswer::refuse);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::upstream_invalid_response);
  EXPECT_THAT(response.error().context, HasSubstr("upstream.max_response = 1000 bytes"));
}

TEST_F(LargeContentTest, OneThatBreaksOffSaysSo) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n" + std::string(2000, 'x'));
  const auto response = exchange();
  ASSERT_TRUE(response && response->large);
  EXPECT_THAT(read(response->large), HasSubstr("cut off"));
}

TEST_F(LargeContentTest, ItsConnectionIsTheContentsAloneAndEndsWithIt) {
  settings.max_connections = 1;
  serve(answer(std::string(5'000'000, 'x')));
  const auto first = exchange();
  const auto second = exchange();
  ASSERT_TRUE(first && first->large && second && second->large) << "it keeps no other from a connection";
  EXPECT_EQ(server->connections(), 2);
  pool->stop();
  EXPECT_THAT(read(first->large), HasSubstr("the answer's content"));
}

/// The end of a content that only its connection ends may be the loss of it. That of gzip stands in it.
TEST_F(LargeContentTest, MayBeCutWhereNothingInItSaysItsEnd) {
  asio::thread_pool helpers(1);
  serve("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(2000, 'x'));
  const auto response = exchange();
  ASSERT_TRUE(response && response->large);
  EXPECT_TRUE(response->large->may_be_cut());
  response->large->inflate(helpers.get_executor());
  EXPECT_FALSE(response->large->may_be_cut());
}

TEST_F(LargeContentTest, GzipIsUndoneAsItComes) {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i) + ",";
  std::string coded(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(coded.data());
  stream.avail_out = static_cast<uInt>(coded.size());
  deflate(&stream, Z_FINISH);
  coded.resize(stream.total_out);
  deflateEnd(&stream);
  asio::thread_pool helpers(1);
  const auto inflated = [&](const std::string& from) {
    const LargeContentPtr content = std::make_shared<LargeContent>(from, nullptr);
    content->inflate(helpers.get_executor());
    const Result<void> begun = run(context, content->begin());
    if (!begun) return begun.error().context;
    EXPECT_LE(content->beginning().size(), std::size_t{512} << 10) << "in pieces, whatever it inflates to";
    return read(content);
  };
  EXPECT_EQ(inflated(coded), text);
  EXPECT_THAT(inflated(coded.substr(0, coded.size() - 20)), HasSubstr("cut short"));
  EXPECT_THAT(inflated("plain"), HasSubstr("corrupt"));
}

}  // namespace
}  // namespace roktcached::upstream
