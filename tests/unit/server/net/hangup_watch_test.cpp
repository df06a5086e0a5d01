#include "server/net/hangup_watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <new>
#include <optional>

#include "core/descriptor.h"

namespace roktcached::net {
namespace {

using namespace std::chrono_literals;

/// A client that waits, and the server's end of its connection.
struct Client {
  explicit Client(HangupWatch& watch) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) throw std::bad_alloc();
    server = std::make_unique<Descriptor>(ends[0]);
    client = std::make_unique<Descriptor>(ends[1]);
    watched.emplace(watch, server->get(), departure);
  }

  std::unique_ptr<Descriptor> server;
  std::unique_ptr<Descriptor> client;
  Departure departure;
  std::optional<HangupWatch::Watched> watched;
};

class HangupWatchTest : public testing::Test {
 protected:
  void look(int times = 1) {
    context.restart();
    for (int i = 0; i < times; ++i) context.run_one();
  }

  boost::asio::io_context context{1};
  HangupWatch watch{context.get_executor(), 1ms};
};

TEST_F(HangupWatchTest, TellsWhoHasHungUpFromWhoStays) {
  Client stays(watch);
  Client goes(watch);
  Client ends_its_half(watch);
  look();
  EXPECT_FALSE(goes.departure.gone());
  EXPECT_FALSE(ends_its_half.departure.gone());
  goes.client->close();
  ::shutdown(ends_its_half.client->get(), SHUT_WR);
  look();
  EXPECT_TRUE(goes.departure.gone());
  EXPECT_TRUE(ends_its_half.departure.gone());
  look(3);
  EXPECT_FALSE(stays.departure.gone());
}

TEST_F(HangupWatchTest, SeesAHangupBehindBytesThatAreNotRead) {
  Client pipelines(watch);
  ASSERT_EQ(::send(pipelines.client->get(), "GET /", 5, 0), 5);
  look();
  EXPECT_FALSE(pipelines.departure.gone()) << "a next request is no departure";
  pipelines.client->close();
  look();
  EXPECT_TRUE(pipelines.departure.gone());
}

TEST_F(HangupWatchTest, LooksAtNobodyWhoWaitsNoMore) {
  std::array<std::optional<Client>, 3> clients;
  for (auto& client : clients) client.emplace(watch);
  for (auto& client : clients) client->client->close();
  clients[0]->watched.reset();
  look();
  EXPECT_FALSE(clients[0]->departure.gone());
  EXPECT_TRUE(clients[1]->departure.gone());
  EXPECT_TRUE(clients[2]->departure.gone());
}

TEST_F(HangupWatchTest, AnAnnouncementMayEndOtherWatchesAndBeginNewOnes) {
  std::array<std::optional<Client>, 3> clients;
  for (auto& client : clients) client.emplace(watch);
  std::optional<Client> newcomer;
  const Departure::Watch last(&clients[2]->departure, [&] {
    clients[0]->watched.reset();
    newcomer.emplace(watch);
  });
  for (auto& client : clients) client->client->close();
  look();
  EXPECT_FALSE(clients[0]->departure.gone());
  EXPECT_TRUE(clients[1]->departure.gone());
  EXPECT_TRUE(clients[2]->departure.gone());
  newcomer->client->close();
  look();
  EXPECT_TRUE(newcomer->departure.gone());
}

TEST_F(HangupWatchTest, LooksOnlyWhileSomebodyWaits) {
  std::optional<Client> client(std::in_place, watch);
  look(2);
  client.reset();
  context.restart();
  EXPECT_LE(context.run(), 1U) << "it ends";
}

TEST_F(HangupWatchTest, HoldsNobodyUpOnceItIsDrained) {
  HangupWatch rare(context.get_executor(), 1h);
  std::optional<Client> before(std::in_place, rare);
  rare.drain();
  before.reset();
  context.run();
  std::optional<Client> after(std::in_place, rare);
  after.reset();
  context.restart();
  context.run();
}

}  // namespace
}  // namespace roktcached::net
