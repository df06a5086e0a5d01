#include "server/handover.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "server/asio.h"

namespace roktcached {
namespace {

namespace fs = std::filesystem;
using asio::ip::tcp;
using namespace std::chrono_literals;

/// The former process, whose context the test runs, and the next one, on a thread of its own.
class HandoverTest : public testing::Test {
 protected:
  HandoverTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-handover-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    path_ = folder_ / "handover.sock";
  }
  ~HandoverTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void listen(HandoverListener::Handler handler = {}) {
    acceptor_.emplace(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    copies_.add(acceptor_->native_handle());
    handler.handed_over = [this](const Descriptor& connection) {
      ++handed_over_;
      EXPECT_EQ(::send(connection.get(), &knows_of_next, 1, MSG_NOSIGNAL), 1);
    };
    listener_.emplace(context_, net::UnixSocket::open(path_, 0600, "").value(), copies_, std::move(handler));
    ASSERT_TRUE(listener_->start());
  }
  /// Does `what` on another thread, as the next process would, while this one runs.
  template <class What>
  auto meanwhile(What what) {
    std::optional<decltype(what())> done;
    std::atomic<bool> over{false};
    std::thread next([&] {
      done.emplace(what());
      over = true;
    });
    while (!over) context_.run_for(5ms);
    next.join();
    return std::move(*done);
  }
  Result<std::optional<Predecessor>> ask() {
    return meanwhile([this] { return Predecessor::ask(path_); });
  }

  fs::path folder_;
  std::string path_;
  asio::io_context context_;
  std::optional<tcp::acceptor> acceptor_;
  net::SocketCopies copies_;
  std::optional<HandoverListener> listener_;
  int handed_over_ = 0;
};

TEST_F(HandoverTest, WhereNobodyListensThereIsNoPredecessor) {
  const auto asked = Predecessor::ask(path_);
  ASSERT_TRUE(asked);
  EXPECT_FALSE(*asked);
}

TEST_F(HandoverTest, TheNextProcessGetsTheSocketsAndTheFormerOneIsTold) {
  listen();
  const auto endpoint = acceptor_->local_endpoint();
  auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  auto sockets = (*asked)->take_sockets();
  EXPECT_TRUE(sockets.has(endpoint));
  EXPECT_EQ(sockets.origin(), net::InheritedSockets::Origin::former_process);
  EXPECT_EQ(handed_over_, 0) << "it does not serve yet";
  const auto dismissed = meanwhile([&] { return (*asked)->dismiss(); });
  EXPECT_EQ(dismissed.former, Former::knows);
  EXPECT_GE(dismissed.connection.get(), 0) << "there is a connection for a link";
  listener_->stop();
  context_.run_for(50ms);
  EXPECT_EQ(handed_over_, 1);
}

TEST_F(HandoverTest, ManySocketsComeInSeveralMessages) {
  listen();
  for (int i = 0; i < 300; ++i) copies_.add(acceptor_->native_handle());
  auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  EXPECT_EQ((*asked)->take_sockets().take(acceptor_->local_endpoint()).size(), 301U);
  asked.value().reset();
  listener_->stop();
  context_.run_for(50ms);
}

/// A socket that is lost would go on listening, and nobody would accept what comes there.
TEST_F(HandoverTest, WhereThereIsNoRoomForAllSocketsNoneIsTakenOver) {
  listen();
  for (int i = 0; i < 300; ++i) copies_.add(acceptor_->native_handle());
  const Descriptor next_free(::dup(acceptor_->native_handle()));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next_free.get()) + 50;  // gaps below it are fewer than the sockets
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto asked = ask();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().context.find("have not come whole"), std::string::npos) << asked.error().context;
}

TEST_F(HandoverTest, OneThatDoesNotComeToServeChangesNothing) {
  listen();
  {
    const auto asked = ask();
    ASSERT_TRUE(asked && *asked);
  }
  context_.run_for(100ms);
  EXPECT_EQ(handed_over_, 0);
  auto again = ask();
  ASSERT_TRUE(again && *again) << "the next one can take over";
  EXPECT_EQ(meanwhile([&] { return (*again)->dismiss(); }).former, Former::knows);
  EXPECT_EQ(handed_over_, 1);
  listener_->stop();
  context_.run_for(50ms);
}

TEST_F(HandoverTest, OneThatIsStoppedStillHearsThatTheNextOneServes) {
  listen();
  auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  listener_->stop();
  EXPECT_TRUE(listener_->is_shared());
  EXPECT_EQ(meanwhile([&] { return (*asked)->dismiss(); }).former, Former::knows);
  EXPECT_EQ(handed_over_, 1);
}

TEST_F(HandoverTest, OneThatIsClosedHasEndedForTheNextOne) {
  listen();
  auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  listener_->stop();
  listener_->close();
  EXPECT_EQ(meanwhile([&] { return (*asked)->dismiss(); }).former, Former::has_ended);
  EXPECT_EQ(handed_over_, 0);
}

TEST_F(HandoverTest, OneThatHasWaitedForTooLongGoesOnAndTheNextOneLearnsIt) {
  listen({.longest_start = 0ms});
  auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  EXPECT_EQ(meanwhile([&] { return (*asked)->dismiss(); }).former, Former::goes_on);
  EXPECT_EQ(handed_over_, 0);
  EXPECT_FALSE(listener_->is_shared());
  listener_->stop();
  context_.run_for(50ms);
}

TEST_F(HandoverTest, OneThatWasStoppedItselfHearsFirstThatTheNextOneServes) {
  listen({.longest_start = 0ms});
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::send(connection.get(), "s", 1, MSG_NOSIGNAL), 1) << "before it goes on";
  context_.run_for(50ms);
  EXPECT_EQ(handed_over_, 1);
  listener_->stop();
  context_.run_for(50ms);
}

TEST_F(HandoverTest, WhoeverAsksOneThatTakesOverItselfWaits) {
  std::atomic<int> looks{0};
  listen({.may_begin = [&] { return ++looks > 3; }});
  const auto asked = ask();
  ASSERT_TRUE(asked && *asked);
  EXPECT_EQ(looks, 4);
  listener_->stop();
  context_.run_for(50ms);
}

TEST_F(HandoverTest, OneThatEndsBeforeItsTurnHandsOverNothing) {
  listen({.may_begin = [&] {
    if (listener_) listener_->stop();
    return false;
  }});
  const auto asked = ask();
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().context.find("the process there is itself taking over"), std::string::npos);
}

TEST_F(HandoverTest, OneThatEndsInsteadOfAnsweringHasNoLink) {
  const auto other = net::UnixSocket::open(path_, 0600, "").value();
  std::thread former([&] {
    pollfd readable{other.descriptor(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    const Descriptor connection(::accept4(other.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
    char said = 0;
    (void)!::send(connection.get(), "1.", 2, MSG_NOSIGNAL);
    (void)!::recv(connection.get(), &said, 1, 0);  // and closes it
  });
  auto asked = Predecessor::ask(path_);
  ASSERT_TRUE(asked && *asked);
  EXPECT_EQ((*asked)->dismiss().former, Former::has_ended);
  former.join();
}

TEST_F(HandoverTest, WhatSpeaksAnotherVersionIsNamed) {
  const auto other = net::UnixSocket::open(path_, 0600, "").value();
  std::thread former([&] {
    pollfd readable{other.descriptor(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    const int connection = ::accept4(other.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    (void)!::send(connection, "9", 1, MSG_NOSIGNAL);
    ::close(connection);
  });
  const auto asked = Predecessor::ask(path_);
  former.join();
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, ErrorCode::unavailable);
  EXPECT_NE(asked.error().context.find(path_ + ": the process there knows another version"),
            std::string::npos);
}

}  // namespace
}  // namespace roktcached
