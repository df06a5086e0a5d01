#include "server/inbound/client_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::inbound {
namespace {

/// A stream whose peer sees where one write ends and the next begins, which TCP does not tell.
class ClientStreamTest : public testing::Test {
 protected:
  ClientStreamTest() : ends_(connected()), peer_(ends_[1]) {}

  static std::array<int, 2> connected() {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    return ends;
  }

  std::size_t write(std::string_view head, std::string_view content) {
    return stream_.write_now(asio::buffer(head), asio::buffer(content));
  }

  /// What has come, write by write.
  std::vector<std::string> writes() {
    std::vector<std::string> all;
    std::string one(128 * 1024, '\0');
    while (true) {
      const ssize_t received = ::recv(peer_.get(), one.data(), one.size(), 0);
      if (received <= 0) return all;
      all.push_back(one.substr(0, static_cast<std::size_t>(received)));
    }
  }

  std::array<int, 2> ends_;
  Descriptor peer_;
  asio::io_context context_;
  ClientStream stream_{context_.get_executor(), Descriptor(ends_[0]),
                       ClientStream::Protocol(AF_UNIX, SOCK_SEQPACKET), nullptr};
};

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

/// That tells its places apart.
std::string content_of(std::size_t size) {
  std::string content;
  for (int number = 0; content.size() < size; ++number) content += std::to_string(number) + ' ';
  content.resize(size);
  return content;
}

TEST_F(ClientStreamTest, WritesTheFirstLongAnswerInTwoPiecesAndLaterOnesInOne) {
  const std::string head(400, 'h');
  const std::string content = content_of(51'200);
  EXPECT_EQ(write(head, content), 51'600U);
  const auto first = writes();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].size(), 8192U);
  EXPECT_EQ(joined(first), head + content);

  EXPECT_EQ(write(head, content), 51'600U);
  EXPECT_EQ(writes(), std::vector{head + content});
}

TEST_F(ClientStreamTest, WritesAHeadThatIsLongerThanTheFirstPieceInOrder) {
  const std::string head = content_of(15'000);
  const std::string content(40'000, 'c');
  EXPECT_EQ(write(head, content), 55'000U);
  const auto pieces = writes();
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(joined(pieces), head + content);
}

TEST_F(ClientStreamTest, WritesShortAnswersInOnePieceBeforeAndAfterALongOne) {
  const std::string content = content_of(20'000);
  EXPECT_EQ(write("head", content), 20'004U);
  EXPECT_EQ(writes(), std::vector{"head" + content});
  EXPECT_EQ(write(content_of(50'000), ""), 50'000U);
  EXPECT_EQ(writes().size(), 2U);
  EXPECT_EQ(write("head", ""), 4U);
  EXPECT_EQ(writes(), std::vector<std::string>{"head"});
}

TEST_F(ClientStreamTest, SaysHowMuchWentWhereOnlyTheFirstPieceDoes) {
  const int small = 16 * 1024;
  ASSERT_EQ(::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const std::string content = content_of(51'200);  // longer than what this socket takes as one message
  EXPECT_EQ(write("", content), 8192U);
  EXPECT_EQ(writes(), std::vector{content.substr(0, 8192)});
}

TEST_F(ClientStreamTest, WritesNothingToAPeerThatHasGone) {
  peer_.close();
  EXPECT_EQ(write("head", content_of(51'200)), 0U);
}

}  // namespace
}  // namespace roktcached::inbound
