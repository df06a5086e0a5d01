#include "server/net/idle_poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/descriptor.h"

namespace roktcached::net {
namespace {

/// One end of a connection, and the other one, that it waits for.
class Waiting final : public IdlePoller::IdleConnection {
 public:
  explicit Waiting(IdlePoller& poller) : poller_(poller) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) throw std::bad_alloc();
    own_ = std::make_unique<Descriptor>(ends[0]);
    other_ = std::make_unique<Descriptor>(ends[1]);
  }
  ~Waiting() override { poller_.forget(*this); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void watch(bool drained) { poller_.watch(own_->get(), *this, drained); }
  void send(std::string_view text) {
    ASSERT_EQ(::send(other_->get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  void hang_up() { other_->close(); }
  /// @return what recv() does
  ssize_t read(std::size_t size) {
    std::array<char, 64> bytes;
    return ::recv(own_->get(), bytes.data(), size, 0);
  }
  void woken() override {
    ++times;
    if (when_woken) when_woken();
  }
  void resumed() override {
    ASSERT_TRUE(when_resumed);
    when_resumed();
  }

  int times = 0;
  std::function<void()> when_woken;
  std::function<void()> when_resumed;

 private:
  IdlePoller& poller_;
  std::unique_ptr<Descriptor> own_;
  std::unique_ptr<Descriptor> other_;
};

class Awake final : public IdlePoller::IdleConnection {
 public:
  void woken() override { ++times; }
  void resumed() override { ++times_resumed; }
  int times = 0;
  int times_resumed = 0;
};

class IdlePollerTest : public testing::Test {
 protected:
  /// Lets happen what can.
  void run() {
    context_.restart();
    context_.poll();
  }

  static constexpr int many = 35;

  /// So many clients that have sent something, wait, and put off what they do; each tells of it in events_.
  void wait_and_put_off(int count) {
    for (int i = 0; i < count; ++i) {
      Waiting& client = *clients_.emplace_back(std::make_unique<Waiting>(poller_));
      client.when_woken = [&client, i, this] {
        events_.push_back(poller_.put_off(client) ? "put off " + std::to_string(i)
                                                  : "done " + std::to_string(i));
      };
      client.when_resumed = [&client, i, this] {
        EXPECT_FALSE(poller_.put_off(client)) << "a second time";
        events_.push_back("resumed " + std::to_string(i));
      };
      client.send("a");
      client.watch(true);
    }
  }

  boost::asio::io_context context_{1};
  IdlePoller poller_{context_.get_executor()};
  std::vector<std::unique_ptr<Waiting>> clients_;
  std::vector<std::string> events_;
};

TEST_F(IdlePollerTest, WakesOnceWhenSomethingComes) {
  Waiting client(poller_);
  client.watch(true);
  run();
  EXPECT_EQ(client.times, 0);
  client.send("a");
  run();
  EXPECT_EQ(client.times, 1);
  client.send("b");
  run();
  EXPECT_EQ(client.times, 1) << "it does not wait";
}

TEST_F(IdlePollerTest, WakesForWhatWasThereBefore) {
  Waiting client(poller_);
  client.send("a");
  client.watch(false);
  run();
  EXPECT_EQ(client.times, 1);
}

TEST_F(IdlePollerTest, WakesAgainForWhatWasNotRead) {
  Waiting client(poller_);
  client.when_woken = [&] {
    EXPECT_EQ(client.read(1), 1);
    if (client.times < 3) client.watch(false);
  };
  client.send("abc");
  client.watch(true);
  run();
  EXPECT_EQ(client.times, 3);
}

TEST_F(IdlePollerTest, IsNotToldAgainOfWhatWasRead) {
  Waiting client(poller_);
  client.when_woken = [&] {
    EXPECT_EQ(client.read(64), 1);
    client.watch(true);
  };
  client.send("a");
  client.watch(true);
  run();
  EXPECT_EQ(client.times, 1);
  client.send("b");
  run();
  EXPECT_EQ(client.times, 2);
}

TEST_F(IdlePollerTest, WakesForWhatCameWhileNobodySlept) {
  Waiting busy(poller_);
  Waiting other(poller_);
  busy.send("a");
  busy.watch(false);
  other.watch(true);
  run();
  ASSERT_EQ(busy.times, 1);
  EXPECT_EQ(busy.read(64), 1);
  busy.send("b");
  run();  // the poller sees it, and has nobody to tell
  EXPECT_EQ(busy.times, 1);
  busy.watch(true);
  run();
  EXPECT_EQ(busy.times, 2);
}

TEST_F(IdlePollerTest, WakesForTheEndThatCameWithTheLastBytes) {
  Waiting client(poller_);
  client.send("a");
  client.hang_up();
  client.when_woken = [&] {
    if (client.times > 1) return;
    EXPECT_EQ(client.read(64), 1);
    client.watch(true);
  };
  client.watch(true);
  run();
  EXPECT_EQ(client.times, 2);
  EXPECT_EQ(client.read(64), 0);
}

/// Over TCP: a read ends at an octet that is out of band, and does not tell that others are behind it.
TEST_F(IdlePollerTest, WakesForWhatIsBehindUrgentData) {
  namespace ip = boost::asio::ip;
  ip::tcp::acceptor acceptor(context_, {ip::address_v4::loopback(), 0});
  ip::tcp::socket other(context_);
  other.connect(acceptor.local_endpoint());
  ip::tcp::socket own = acceptor.accept();
  own.non_blocking(true);
  Awake client;
  const auto read = [&] {
    std::array<char, 64> bytes;
    boost::system::error_code error;
    return own.read_some(boost::asio::buffer(bytes), error);
  };
  const auto send = [&](std::string_view text, int flags) {
    EXPECT_EQ(::send(other.native_handle(), text.data(), text.size(), flags),
              static_cast<ssize_t>(text.size()));
  };
  poller_.watch(own.native_handle(), client, true);
  send("a", 0);
  send("!", MSG_OOB);
  send("b", 0);
  run();
  ASSERT_EQ(client.times, 1);
  EXPECT_EQ(read(), 1U) << "up to what is urgent";
  poller_.watch(own.native_handle(), client, true);
  run();
  EXPECT_EQ(client.times, 2);
  EXPECT_EQ(read(), 1U);
  poller_.forget(client);
}

TEST_F(IdlePollerTest, WakesNobodyWhomAnotherHasMadeForget) {
  Waiting first(poller_);
  auto second = std::make_unique<Waiting>(poller_);
  int woken = 0;
  first.when_woken = [&] {
    ++woken;
    second.reset();
  };
  second->when_woken = [&] {
    ++woken;
    poller_.forget(first);
  };
  for (Waiting* const client : {&first, second.get()}) {
    client->send("a");
    client->watch(true);
  }
  run();
  EXPECT_EQ(woken, 1);
}

TEST_F(IdlePollerTest, WakesManyMoreThanItSeesAtOnce) {
  std::vector<std::unique_ptr<Waiting>> clients;
  for (int i = 0; i < 200; ++i) {
    Waiting& client = *clients.emplace_back(std::make_unique<Waiting>(poller_));
    client.when_woken = [&client] {
      EXPECT_EQ(client.read(64), 1);
      client.watch(true);
    };
    client.watch(true);
  }
  for (int round = 1; round <= 3; ++round) {
    for (const auto& client : clients) client->send("a");
    run();
    for (const auto& client : clients) EXPECT_EQ(client->times, round);
  }
}

TEST_F(IdlePollerTest, ResumesThoseThatPutOffWhenTheirRowHasBeenWoken) {
  wait_and_put_off(many);
  run();
  std::vector<std::string> expected;
  for (int first = 0; first < many; first += 8) {
    const int last = std::min(first + 7, many - 1);
    for (int i = first; i < last; ++i) expected.push_back("put off " + std::to_string(i));
    expected.push_back("done " + std::to_string(last));
    for (int i = first; i < last; ++i) expected.push_back("resumed " + std::to_string(i));
  }
  EXPECT_EQ(events_, expected);
  EXPECT_FALSE(poller_.put_off(*clients_.front())) << "while nobody is woken";
}

TEST_F(IdlePollerTest, PutsNobodyOffWhereFewAreToldOf) {
  wait_and_put_off(31);
  run();
  std::vector<std::string> expected;
  for (int i = 0; i < 31; ++i) expected.push_back("done " + std::to_string(i));
  EXPECT_EQ(events_, expected);
}

TEST_F(IdlePollerTest, PutsOffAsManyAsARowHas) {
  wait_and_put_off(many);
  std::array<Awake, 12> others;
  int accepted = 0;
  clients_[0]->when_woken = [&] {
    for (Awake& other : others) accepted += poller_.put_off(other) ? 1 : 0;
  };
  run();
  EXPECT_EQ(accepted, 8);
  int resumed = 0;
  for (const Awake& other : others) resumed += other.times_resumed;
  EXPECT_EQ(resumed, 8);
}

TEST_F(IdlePollerTest, ResumesNobodyWhomAnotherHasMadeForget) {
  wait_and_put_off(many);
  clients_[7]->when_woken = [this] { clients_[0].reset(); };
  run();
  EXPECT_EQ(std::ranges::count(events_, "put off 0"), 1);
  EXPECT_EQ(std::ranges::count(events_, "resumed 0"), 0);
  EXPECT_EQ(std::ranges::count(events_, "resumed 1"), 1);
}

TEST_F(IdlePollerTest, LetsWhoIsResumedSleepAgain) {
  wait_and_put_off(many);
  Waiting& client = *clients_[0];
  client.when_resumed = [&client] {
    EXPECT_EQ(client.read(64), 1);
    client.watch(true);
  };
  run();
  client.send("b");
  run();
  EXPECT_EQ(client.times, 2);
  EXPECT_EQ(events_.back(), "done 0") << "few are told of now";
}

TEST_F(IdlePollerTest, KeepsTheExecutorRunningWhileSomebodySleeps) {
  run();
  EXPECT_TRUE(context_.stopped());
  Waiting client(poller_);
  client.watch(true);
  run();
  EXPECT_FALSE(context_.stopped());
  poller_.forget(client);
  run();
  EXPECT_TRUE(context_.stopped());
  client.watch(true);
  client.send("a");
  run();
  EXPECT_EQ(client.times, 1);
  EXPECT_TRUE(context_.stopped());
}

TEST_F(IdlePollerTest, SaysWhereTheKernelCannotWatch) {
  Waiting client(poller_);
  EXPECT_THROW(poller_.watch(-1, client, true), std::system_error);
  client.watch(true);
  client.send("a");
  run();
  EXPECT_EQ(client.times, 1);
}

}  // namespace
}  // namespace roktcached::net
