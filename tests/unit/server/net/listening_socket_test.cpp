#include "server/net/listening_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::net {
namespace {

using boost::asio::ip::tcp;
using testing::StartsWith;

TEST(OpenListener, SaysThePortThatItHas) {
  boost::asio::io_context context;
  const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  const auto opened = open_listener(context.get_executor(), any, false);
  ASSERT_TRUE(opened);
  EXPECT_NE(opened->second.port(), 0);
  EXPECT_EQ(opened->second.address(), any.address());
}

TEST(OpenListener, IsWokenByWhoSpeaksAndNotByWhoConnects) {
  boost::asio::io_context context;
  const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  auto opened = open_listener(context.get_executor(), any, false);
  ASSERT_TRUE(opened);
  Acceptor& acceptor = opened->first;
  acceptor.non_blocking(true);
  tcp::socket silent(context);
  tcp::socket speaking(context);
  silent.connect(opened->second);
  speaking.connect(opened->second);
  speaking.send(boost::asio::buffer("x", 1));
  Acceptor::endpoint_type peer;
  const auto accepted = acceptor.accept(peer);
  EXPECT_EQ(peer, Acceptor::endpoint_type(speaking.local_endpoint()));
}

TEST(OpenListener, LeavesItToTheAnswerToAcknowledgeTheRequest) {
  using QuickAck = boost::asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>;
  boost::asio::io_context context;
  const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  auto opened = open_listener(context.get_executor(), any, false);
  ASSERT_TRUE(opened);
  tcp::socket client(context);
  client.connect(opened->second);
  client.send(boost::asio::buffer("x", 1));
  auto accepted = opened->first.accept();
  QuickAck at_once(true);
  accepted.get_option(at_once);
  EXPECT_FALSE(at_once.value());
}

/// Puts something else in the place of a context's epoll descriptor, so that the context takes no socket.
class NoEpoll {
 public:
  explicit NoEpoll(const std::vector<int>& made) {
    for (const int number : made) {
      std::array<char, 64> name{};
      const std::string link = "/proc/self/fd/" + std::to_string(number);
      if (::readlink(link.c_str(), name.data(), name.size() - 1) < 0) continue;
      if (std::string_view(name.data()).find("eventpoll") == std::string_view::npos) continue;
      const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      found_ = ::dup2(nothing.get(), number) == number;
    }
  }
  [[nodiscard]] bool found() const { return found_; }

 private:
  bool found_ = false;
};

std::set<int> open_descriptors() {
  std::set<int> all;
  for (int number = 0; number < 1024; ++number) {
    if (::fcntl(number, F_GETFD) != -1) all.insert(number);
  }
  return all;
}

std::vector<int> made_since(const std::set<int>& before) {
  std::vector<int> made;
  std::ranges::set_difference(open_descriptors(), before, std::back_inserter(made));
  return made;
}

TEST(AcceptorOn, ClosesItsCopyWhereTheContextDoesNotTakeIt) {
  boost::asio::io_context other;
  auto listening = open_listener(other.get_executor(), {boost::asio::ip::address_v4::loopback(), 0}, false);
  ASSERT_TRUE(listening);
  std::string path = std::filesystem::temp_directory_path() / "roktcached-acceptor-XXXXXX";
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  {
    const auto unix_socket = UnixSocket::open(path + "/socket", 0600, "");
    ASSERT_TRUE(unix_socket) << unix_socket.error().context;
    const auto before_context = open_descriptors();
    boost::asio::io_context context;
    { const boost::asio::ip::tcp::acceptor makes_the_reactor(context); }
    const NoEpoll no_epoll(made_since(before_context));
    ASSERT_TRUE(no_epoll.found());
    const auto before = open_descriptors();
    const auto on_a_copy = acceptor_on(context.get_executor(), listening->first.native_handle());
    ASSERT_FALSE(on_a_copy);
    EXPECT_EQ(on_a_copy.error().code, ErrorCode::unavailable);
    EXPECT_THAT(on_a_copy.error().context, StartsWith("an inherited socket: "));
    const auto on_unix = unix_socket->acceptor(context.get_executor());
    ASSERT_FALSE(on_unix);
    EXPECT_EQ(on_unix.error().code, ErrorCode::unavailable);
    EXPECT_THAT(on_unix.error().context, StartsWith("unix:" + path));
    EXPECT_EQ(open_descriptors(), before);
  }
  std::filesystem::remove_all(path);
}

TEST(Endpoints, AreTwoOfLocalhostAndOneOfAnyOtherHost) {
  const auto v4 = boost::asio::ip::make_address("127.0.0.1");
  const auto v6 = boost::asio::ip::make_address("::1");
  EXPECT_THAT(to_endpoints({"localhost", 80}).value(),
              testing::ElementsAre(tcp::endpoint(v4, 80), tcp::endpoint(v6, 80)));
  EXPECT_THAT(to_endpoints({"127.0.0.1", 80}).value(), testing::ElementsAre(tcp::endpoint(v4, 80)));
  EXPECT_THAT(to_endpoints({"[::1]", 80}).value(), testing::ElementsAre(tcp::endpoint(v6, 80)));
  EXPECT_FALSE(to_endpoints({"example.com", 80}));
}

TEST(Endpoints, HaveOnePortWhereTheSystemChooses) {
  auto endpoints = endpoints_here({"localhost", 0}).value();
  ASSERT_FALSE(endpoints.empty());
  ASSERT_TRUE(settle_ports(endpoints));
  for (const tcp::endpoint& endpoint : endpoints) {
    EXPECT_NE(endpoint.port(), 0);
    EXPECT_EQ(endpoint.port(), endpoints.front().port());
  }
}

TEST(Endpoints, AreRefusedWhereOneIsTaken) {
  boost::asio::io_context context;
  const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  const auto taken = open_listener(context.get_executor(), any, false);
  ASSERT_TRUE(taken);
  auto endpoints = endpoints_here({"localhost", taken->second.port()}).value();
  const auto settled = settle_ports(endpoints);
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().code, ErrorCode::unavailable);
  EXPECT_THAT(settled.error().context, StartsWith("127.0.0.1:" + std::to_string(taken->second.port())));
}

TEST(OpenListener, SharesAPortOnlyWithItsLike) {
  boost::asio::io_context context;
  const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  const auto first = open_listener(context.get_executor(), any, true);
  ASSERT_TRUE(first);
  EXPECT_TRUE(open_listener(context.get_executor(), first->second, true));
  const auto alone = open_listener(context.get_executor(), first->second, false);
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, ErrorCode::unavailable);
  EXPECT_EQ(alone.error().context,
            "127.0.0.1:" + std::to_string(first->second.port()) + ": Address already in use");
}

TEST(OpenListener, NamesAnAddressThatIsNotThisMachines) {
  boost::asio::io_context context;
  const auto opened =
      open_listener(context.get_executor(), {boost::asio::ip::make_address("192.0.2.1"), 8080}, false);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().context, StartsWith("192.0.2.1:8080: "));
}

}  // namespace
}  // namespace roktcached::net
