#include "server/net/client_stream.h"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace roktcached::net {
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
    return stream_.write_now(asio::buffer(head), asio::buffer(content), ClientStream::After::more);
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

/// Two ends of a connection over TCP.
class ClientStreamOverTcp : public testing::Test {
 protected:
  using tcp = asio::ip::tcp;

  ClientStreamOverTcp() {
    tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
    peer_.connect(acceptor.local_endpoint());
    constexpr timeval longest{10, 0};
    EXPECT_EQ(::setsockopt(peer_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest), 0);
    tcp::socket accepted = acceptor.accept();
    accepted.non_blocking(true);
    accepted.set_option(tcp::no_delay(true));
    stream_.emplace(context_.get_executor(), Descriptor(accepted.release()),
                    ClientStream::Protocol(tcp::v4()), nullptr);
  }

  [[nodiscard]] std::uint32_t segments_received() {
    struct {
      tcp_info known;
      std::array<std::uint64_t, 4> rates_and_bytes;
      std::uint32_t segments_sent;
      std::uint32_t segments_received;
    } info{};  // what the C library knows of it, and what the kernel has added
    socklen_t size = sizeof info;
    EXPECT_EQ(::getsockopt(peer_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.segments_received;
  }

  /// All that the peer receives before the end, which must come.
  std::string received() {
    std::string all;
    std::array<char, 65536> bytes;
    ssize_t count = 0;
    while ((count = ::recv(peer_.native_handle(), bytes.data(), bytes.size(), 0)) > 0)
      all.append(bytes.data(), static_cast<std::size_t>(count));
    EXPECT_EQ(count, 0) << "no end, but an error or too long a wait";
    return all;
  }

  asio::io_context context_;
  tcp::socket peer_{context_};
  std::optional<ClientStream> stream_;
};

TEST_F(ClientStreamOverTcp, SendsTheEndInTheSegmentOfTheLastBytes) {
  const std::uint32_t before = segments_received();
  EXPECT_EQ(stream_->write_now(asio::buffer("head", 4), asio::buffer("content", 7), ClientStream::After::end),
            11U);
  EXPECT_EQ(received(), "headcontent");
  EXPECT_EQ(segments_received() - before, 1U);
}

TEST_F(ClientStreamOverTcp, LosesNoLastBytesWhereOthersWereNotRead) {
  peer_.send(asio::buffer("behind the last request"));
  EXPECT_EQ(stream_->write_now(asio::buffer("answer", 6), {}, ClientStream::After::end), 6U);
  stream_->close();
  std::array<char, 64> bytes;
  EXPECT_EQ(peer_.receive(asio::buffer(bytes)), 6U);
}

TEST_F(ClientStreamOverTcp, EndsALongAnswerOnceAllOfItHasGone) {
  const std::string text = content_of(60'000);
  EXPECT_EQ(stream_->write_now(asio::buffer("head", 4), asio::buffer(text), ClientStream::After::end),
            60'004U);
  EXPECT_EQ(received(), "head" + text);
}

TEST_F(ClientStreamOverTcp, DoesNotEndWhereOnlyAPartHasGone) {
  const std::string text = content_of(16 << 20);  // more than the buffers of both ends
  std::size_t gone = stream_->write_now(asio::buffer(text), {}, ClientStream::After::end);
  ASSERT_LT(gone, text.size());
  std::string all;
  while (gone < text.size()) {
    std::string some(65536, '\0');
    const ssize_t count = ::recv(peer_.native_handle(), some.data(), some.size(), 0);
    ASSERT_GT(count, 0) << "the end came after " << all.size() << " bytes, or nothing";
    all += some.substr(0, static_cast<std::size_t>(count));
    gone += stream_->write_now(asio::buffer(text) + gone, {}, ClientStream::After::end);
  }
  EXPECT_EQ(all + received(), text);
}

TEST_F(ClientStreamOverTcp, HoldsNothingBackWhereMoreIsToFollow) {
  for (const std::size_t size : {4U, 60'000U, 4U}) {
    const std::string text = content_of(size);
    EXPECT_EQ(stream_->write_now(asio::buffer(text), {}, ClientStream::After::more), size);
    int not_sent = -1;
    EXPECT_EQ(::ioctl(stream_->descriptor(), SIOCOUTQNSD, &not_sent), 0);
    EXPECT_EQ(not_sent, 0);
    std::string all(size, '\0');
    ASSERT_EQ(::recv(peer_.native_handle(), all.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    EXPECT_EQ(all, text);
  }
}

TEST_F(ClientStreamOverTcp, KnowsWhatThePeerHasNotTaken) {
  const std::string text = content_of(16 << 20);  // more than the buffers of both ends
  const std::size_t gone = stream_->write_now(asio::buffer(text), {}, ClientStream::After::more);
  ASSERT_LT(gone, text.size());
  const std::size_t queued = stream_->queued();
  EXPECT_GT(queued, 0U);
  EXPECT_LE(queued, gone);
  EXPECT_EQ(stream_->lost_by_reset(), queued);
  std::string some(gone, '\0');
  ASSERT_EQ(::recv(peer_.native_handle(), some.data(), gone, MSG_WAITALL), static_cast<ssize_t>(gone));
  while (stream_->queued() > 0) std::this_thread::yield();  // the last acknowledgement is on its way
}

TEST_F(ClientStreamOverTcp, ResetsSoThatThePeerSeesAnErrorBehindWhatItHasGot) {
  const std::string text = content_of(16 << 20);
  const std::size_t gone = stream_->write_now(asio::buffer(text), {}, ClientStream::After::more);
  ASSERT_LT(gone, text.size());
  const std::size_t lost = stream_->lost_by_reset();
  stream_->reset();
  std::string all;
  std::array<char, 65536> bytes;
  ssize_t count = 0;
  while ((count = ::recv(peer_.native_handle(), bytes.data(), bytes.size(), 0)) > 0)
    all.append(bytes.data(), static_cast<std::size_t>(count));
  EXPECT_EQ(count, -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(all.size(), gone - lost);
  EXPECT_EQ(all, text.substr(0, all.size()));
}

/// A content that stands in a file, too.
class ClientStreamWithAFile : public ClientStreamOverTcp {
 protected:
  ClientStreamWithAFile() {
    std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
    EXPECT_EQ(::pwrite(file.get(), content.data(), content.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(content.size()));
  }

  /// What is left of head and text after `gone` bytes.
  std::size_t write(std::size_t gone, ClientStream::After after = ClientStream::After::more) {
    const std::size_t of_head = std::min(gone, head.size());
    const std::size_t of_text = gone - of_head;
    return stream_->write_now(asio::buffer(head) + of_head, asio::buffer(in_memory) + of_text, after,
                              FilePlace{file.get(), offset + of_text});
  }

  const std::string head = std::string(400, 'h');
  const std::string content = content_of(16 << 20);                // more than the buffers of both ends
  const std::string in_memory = std::string(content.size(), 'm');  // tells what was sent from there
  const std::size_t offset = 4096;
  const Descriptor file{::memfd_create("test", MFD_CLOEXEC)};
};

TEST_F(ClientStreamWithAFile, SendsFromThereWhatComesAfterTheFirstPiece) {
  std::size_t gone = write(0);
  ASSERT_LT(gone, head.size() + content.size());
  std::string all;
  while (gone < head.size() + content.size()) {
    std::string some(65536, '\0');
    const ssize_t count = ::recv(peer_.native_handle(), some.data(), some.size(), 0);
    ASSERT_GT(count, 0) << "after " << all.size() << " bytes";
    all += some.substr(0, static_cast<std::size_t>(count));
    gone += write(gone, ClientStream::After::end);
  }
  all += received();
  constexpr std::size_t first_piece = 8192;
  const std::size_t from_memory = first_piece - head.size();
  EXPECT_TRUE(all == head + in_memory.substr(0, from_memory) + content.substr(from_memory));
}

TEST_F(ClientStreamWithAFile, SendsTheHeadInASegmentWithTheContent) {
  ASSERT_EQ(stream_->write_now(asio::buffer(in_memory, 40'000), {}, ClientStream::After::more), 40'000U);
  std::string all(40'000 + 400 + 20'000, '\0');
  ASSERT_EQ(::recv(peer_.native_handle(), all.data(), 40'000, MSG_WAITALL), 40'000);
  const std::uint32_t before = segments_received();
  ASSERT_EQ(stream_->write_now(asio::buffer(head), asio::buffer(in_memory, 20'000), ClientStream::After::more,
                               FilePlace{file.get(), offset}),
            20'400U);
  ASSERT_EQ(::recv(peer_.native_handle(), all.data(), 20'400, MSG_WAITALL), 20'400);
  EXPECT_EQ(segments_received() - before, 1U);
  EXPECT_TRUE(all.substr(0, 20'400) == head + content.substr(0, 20'000));
}

TEST_F(ClientStreamWithAFile, WaitsForThePeerAndGoesOn) {
  std::size_t gone = write(0);
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        while (gone < head.size() + content.size()) {
          const std::size_t of_text = gone - head.size();
          const std::array<asio::const_buffer, 2> rest = {asio::const_buffer(),
                                                          asio::buffer(in_memory) + of_text};
          const FilePlace place{file.get(), offset + of_text};
          const auto [error, size] = co_await stream_->write_some(rest, place);
          EXPECT_FALSE(error) << error.message();
          if (error) break;
          gone += size;
        }
        stream_->close();
      },
      asio::detached);
  std::string all;
  std::thread peer([&] { all = received(); });
  context_.run();
  peer.join();
  ASSERT_EQ(all.size(), head.size() + content.size());
  const std::size_t first_piece = 8192;
  EXPECT_TRUE(all.substr(first_piece) == content.substr(first_piece - head.size()));
}

TEST_F(ClientStreamWithAFile, FindsOutThatThePeerHasGone) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  peer_.close();
  boost::system::error_code found;
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        const std::array<asio::const_buffer, 2> all = {asio::const_buffer(), asio::buffer(in_memory)};
        while (!found) {
          const FilePlace place{file.get(), offset};
          const auto [error, size] = co_await stream_->write_some(all, place);
          found = error;
        }
      },
      asio::detached);
  context_.run();
  EXPECT_TRUE(found == asio::error::broken_pipe || found == asio::error::connection_reset) << found.message();
}

TEST_F(ClientStreamWithAFile, SendsFromMemoryWhereTheFileCannotBeSent) {
  const std::string text = content_of(200'000);
  std::string all(text.size(), '\0');
  ASSERT_EQ(stream_->write_now(asio::buffer(text), {}, ClientStream::After::more), text.size());
  ASSERT_EQ(::recv(peer_.native_handle(), all.data(), all.size(), MSG_WAITALL),
            static_cast<ssize_t>(all.size()));
  const FilePlace nowhere{-1, 0};
  ASSERT_EQ(stream_->write_now({}, asio::buffer(text), ClientStream::After::end, nowhere), text.size());
  EXPECT_TRUE(received() == text);
}

TEST_F(ClientStreamTest, LosesNothingOfWhatIsQueuedOnAUnixSocket) {
  EXPECT_EQ(write("head", "content"), 11U);
  EXPECT_GT(stream_.queued(), 0U);
  EXPECT_EQ(stream_.lost_by_reset(), 0U);
  stream_.reset();
  EXPECT_EQ(writes(), std::vector<std::string>{"headcontent"});
}

TEST_F(ClientStreamTest, WritesNothingToAPeerThatHasGone) {
  peer_.close();
  EXPECT_EQ(write("head", content_of(51'200)), 0U);
}

}  // namespace
}  // namespace roktcached::net
