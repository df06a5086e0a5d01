#include "server/net/inherited_sockets.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <stdexcept>

namespace roktcached::net {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;
using testing::ElementsAre;
using testing::HasSubstr;
using Origin = InheritedSockets::Origin;

class InheritedSocketsTest : public testing::Test {
 protected:
  InheritedSocketsTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-inherited-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~InheritedSocketsTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// A socket that listens on a free port, and the copy of it that is inherited.
  std::pair<tcp::acceptor, Descriptor> listening(const char* host = "127.0.0.1") {
    tcp::acceptor acceptor(context_, tcp::endpoint(boost::asio::ip::make_address(host), 0));
    Descriptor copy(::fcntl(acceptor.native_handle(), F_DUPFD_CLOEXEC, 0));
    return {std::move(acceptor), std::move(copy)};
  }
  static std::vector<Descriptor> list(Descriptor one) {
    std::vector<Descriptor> all;
    all.push_back(std::move(one));
    return all;
  }

  fs::path folder_;
  boost::asio::io_context context_;
};

TEST_F(InheritedSocketsTest, AnAddressFindsItsOwn) {
  auto [acceptor, copy] = listening();
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  auto sockets = InheritedSockets::of(Origin::service_manager, list(std::move(copy)), {"web"}).value();
  EXPECT_TRUE(sockets.has(endpoint));
  EXPECT_FALSE(sockets.has(tcp::endpoint(endpoint.address(), 1)));
  EXPECT_FALSE(sockets.has(tcp::endpoint(boost::asio::ip::make_address("127.0.0.2"), endpoint.port())));
  EXPECT_THAT(sockets.left(), ElementsAre("127.0.0.1:" + std::to_string(endpoint.port()) + " (web)"));
  EXPECT_EQ(sockets.take(endpoint).size(), 1U);
  EXPECT_FALSE(sockets.has(endpoint));
  EXPECT_TRUE(sockets.take(endpoint).empty());
  EXPECT_TRUE(sockets.left().empty());
}

TEST_F(InheritedSocketsTest, OneThatDoesNotListenIsRefused) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const auto refused =
        InheritedSockets::of(Origin::service_manager, list(Descriptor(::socket(AF_INET, type, 0))), {"odd"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::configuration);
    EXPECT_THAT(refused.error().context, HasSubstr("(odd) is no listening stream socket"));
  }
}

TEST_F(InheritedSocketsTest, EachThreadGetsAnAcceptorAndEachSocketIsServed) {
  for (const auto& [sockets, threads] : {std::pair(1U, 3U), std::pair(3U, 1U), std::pair(2U, 2U)}) {
    std::vector<Descriptor> inherited;
    std::vector<tcp::acceptor> made;
    for (unsigned i = 0; i < sockets; ++i) {
      auto [acceptor, copy] = listening();
      made.push_back(std::move(acceptor));
      inherited.push_back(std::move(copy));
    }
    std::vector<std::size_t> acceptors(threads);
    std::vector<unsigned short> ports;
    const auto add = [&](std::size_t thread, Acceptor acceptor) {
      ++acceptors[thread];
      tcp::endpoint endpoint;
      const auto local = acceptor.local_endpoint();
      std::copy_n(static_cast<const char*>(static_cast<const void*>(local.data())), local.size(),
                  static_cast<char*>(static_cast<void*>(endpoint.data())));
      ports.push_back(endpoint.port());
    };
    const std::vector<boost::asio::any_io_executor> executors(
        threads, boost::asio::any_io_executor(context_.get_executor()));
    ASSERT_TRUE(share_out(inherited, executors, add));
    for (const std::size_t count : acceptors) EXPECT_GE(count, 1U);
    for (const tcp::acceptor& acceptor : made)
      EXPECT_THAT(ports, testing::Contains(acceptor.local_endpoint().port()));
  }
}

TEST_F(InheritedSocketsTest, AUnixSocketIsAdoptedAndItsFileStaysUntilItIsOwned) {
  const std::string path = folder_ / "a.sock";
  for (const bool owned : {false, true}) {
    auto made = UnixSocket::open(path, 0600, "").value();
    made.leave_path();
    auto sockets = InheritedSockets::of(Origin::former_process,
                                        list(Descriptor(::fcntl(made.descriptor(), F_DUPFD_CLOEXEC, 0))))
                       .value();
    EXPECT_TRUE(sockets.has(path));
    {
      auto adopted = sockets.take(path);
      ASSERT_TRUE(adopted);
      EXPECT_FALSE(sockets.has(path));
      if (owned) adopted->own_path();
    }
    EXPECT_EQ(fs::exists(path), !owned);
  }
}

TEST_F(InheritedSocketsTest, AnAdoptedSocketSaysWhetherOthersCanConnect) {
  const std::string path = folder_ / "a.sock";
  for (const mode_t mode : {0600U, 0660U, 0606U, 0666U, 0601U}) {
    const auto made = UnixSocket::open(path, 0600, "").value();
    auto adopted = UnixSocket::adopt(path, Descriptor(::fcntl(made.descriptor(), F_DUPFD_CLOEXEC, 0)));
    ASSERT_TRUE(adopted.give_to(mode, ""));
    EXPECT_EQ(adopted.check_owner_only().has_value(), mode == 0600) << mode;
  }
}

TEST_F(InheritedSocketsTest, TheEnvironmentsAreOfThisProcessAlone) {
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(InheritedSockets::from_environment().value().left().empty());
  EXPECT_STREQ(::getenv("LISTEN_FDS"), "1") << "they are somebody else's";
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_PID");
  EXPECT_TRUE(InheritedSockets::from_environment().value().left().empty());
}

TEST_F(InheritedSocketsTest, WhileACopyIsOpenTheSocketListens) {
  SocketCopies copies;
  auto [acceptor, copy] = listening();
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  copies.add(copy.get());
  EXPECT_EQ(copies.descriptors().size(), 1U);
  acceptor.close();
  copy.close();
  tcp::socket client(context_);
  boost::system::error_code error;
  client.connect(endpoint, error);
  EXPECT_FALSE(error);
  copies.close();
  tcp::socket late(context_);
  late.connect(endpoint, error);
  EXPECT_EQ(error, boost::asio::error::connection_refused);
}

}  // namespace
}  // namespace roktcached::net
