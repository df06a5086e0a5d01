#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <string>
#include <thread>

#include "counting_allocator.h"
#include "server/daemon.h"
#include "server/simulator/simulator.h"

namespace roktcached {
namespace {

namespace asio = boost::asio;

constexpr std::uint16_t any_port = 0;

/// The whole daemon in this process, with one thread that serves hits, before a simulator.
class HitAllocations : public testing::Test {
 protected:
  HitAllocations() {
    test::count_not_this_thread();
    simulator::Options options;
    options.port = any_port;
    auto simulator = simulator::Simulator::start(options);
    if (!simulator) throw std::runtime_error(simulator.error().context);
    simulator_ = std::move(*simulator);
    port_ = free_port();
    auto daemon = Daemon::open(settings(), [this] { return Result<config::Settings>(settings()); });
    if (!daemon) throw std::runtime_error(daemon.error().context);
    daemon_ = std::move(*daemon);
    serving_ = std::thread([this] { EXPECT_TRUE(daemon_->run()); });
    client_.connect({asio::ip::make_address("127.0.0.1"), port_});
  }
  ~HitAllocations() override {
    client_.close();
    std::raise(SIGTERM);
    serving_.join();
  }

  static std::uint16_t free_port() {
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), any_port});
    return acceptor.local_endpoint().port();
  }

  config::Settings settings() const {
    config::Settings settings;
    settings.listen.addresses = {{"127.0.0.1", port_, ""}};
    settings.listen.threads = 1;
    settings.admin.address.reset();
    settings.cache.file.clear();
    settings.log.access = false;
    settings.upstream.url = {false, "127.0.0.1", simulator_->port(), ""};
    config::Credential credential;
    credential.name = "demo";
    credential.app_id = config::Secret(simulator::Options().app_id);
    credential.app_secret = config::Secret(simulator::Options().app_secret);
    credential.budget = settings.upstream.budget;
    settings.credentials = {std::move(credential)};
    return settings;
  }

  /// Sends requests for one report, so many at once, and reads their answers.
  void ask(std::size_t at_once, const std::string& fields) {
    std::string requests;
    for (std::size_t i = 0; i < at_once; ++i) {
      requests +=
          "GET "
          "/reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD"
          "&timeZoneVariation=UTC HTTP/1.1\r\nHost: localhost\r\n" +
          fields + "\r\n";
    }
    asio::write(client_, asio::buffer(requests));
    for (std::size_t i = 0; i < at_once; ++i) {
      const std::size_t head = asio::read_until(client_, asio::dynamic_buffer(received_), "\r\n\r\n");
      const auto length = received_.find("Content-Length: ");
      const std::size_t body = length < head ? std::stoul(received_.substr(length + 16, 20)) : std::size_t{0};
      if (received_.size() < head + body)
        asio::read(client_, asio::dynamic_buffer(received_),
                   asio::transfer_exactly(head + body - received_.size()));
      answer_ = received_.substr(0, head);
      ASSERT_TRUE(answer_.starts_with("HTTP/1.1 200 ")) << received_;
      received_.erase(0, head + body);
    }
  }

  /// What a few hundred hits allocate: the least of several turns, since other threads of the daemon may have
  /// something to do in one.
  std::uint64_t least_of_turns(std::size_t at_once, const std::string& fields) {
    for (int i = 0; i < 50; ++i) ask(at_once, fields);
    EXPECT_NE(answer_.find("Cache-Status: roktcached; hit"), std::string::npos) << answer_;
    std::uint64_t least = ~std::uint64_t{0};
    for (int turn = 0; turn < 5; ++turn) {
      const std::uint64_t before = test::allocations();
      for (int i = 0; i < 200; ++i) ask(at_once, fields);
      least = std::min(least, test::allocations() - before);
    }
    return least;
  }

  std::unique_ptr<simulator::Simulator> simulator_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Daemon> daemon_;
  std::thread serving_;
  asio::io_context context_;
  asio::ip::tcp::socket client_{context_};
  std::string received_;
  std::string answer_;
};

TEST_F(HitAllocations, AreCounted) {
  const std::uint64_t before = test::allocations();
  std::thread([] { std::make_unique<std::string>(100, 'x').reset(); }).join();
  EXPECT_GE(test::allocations() - before, 2U);
}

TEST_F(HitAllocations, AreNone) {
  const std::string usual =
      "User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\n"
      "Connection: keep-alive\r\n";
  EXPECT_EQ(least_of_turns(1, usual), 0U);
  EXPECT_EQ(least_of_turns(1, usual + "X-Request-Id: 4a1f0c1e5b2d4e6f8091a2b3c4d5e6f7\r\n"), 0U);
  EXPECT_EQ(least_of_turns(10, usual), 0U) << "pipelined";
}

}  // namespace
}  // namespace roktcached
