#include "server/access/client_rate.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/server/fake_clock.h"

namespace roktcached::access {
namespace {

using namespace std::chrono_literals;

config::Client limited(double requests_per_second, std::uint64_t burst) {
  config::Client client;
  client.requests_per_second = requests_per_second;
  client.burst = burst;
  return client;
}

class ClientRateTest : public testing::Test {
 protected:
  bool goes(std::size_t client = 0) { return !rate.take(client, clock.steady); }
  unsigned how_many(std::size_t client = 0) {
    unsigned count = 0;
    while (count < 1000 && goes(client)) ++count;
    return count;
  }

  ClientRate rate{{limited(10, 5), limited(0, 0), limited(0.1, 1), limited(1000, 1)}};
  FakeClock clock;
};

TEST_F(ClientRateTest, LetsABurstGoAndThenTheRate) {
  EXPECT_EQ(how_many(), 5U);
  clock.advance(100ms);
  EXPECT_EQ(how_many(), 1U);
  clock.advance(250ms);
  EXPECT_EQ(how_many(), 2U);
  clock.advance(50ms);
  EXPECT_EQ(how_many(), 1U) << "a half is not lost";
  clock.advance(1h);
  EXPECT_EQ(how_many(), 5U) << "and no more than a burst is saved";
}

TEST_F(ClientRateTest, SaysHowLongToWait) {
  how_many();
  EXPECT_EQ(rate.take(0, clock.steady), 100ms);
  clock.advance(40ms);
  EXPECT_EQ(rate.take(0, clock.steady), 60ms) << "being refused costs nothing";
  clock.advance(59ms);
  EXPECT_FALSE(goes());
  clock.advance(1ms);
  EXPECT_TRUE(goes());
}

TEST_F(ClientRateTest, ARateBelowOneASecond) {
  EXPECT_TRUE(goes(2));
  EXPECT_EQ(rate.take(2, clock.steady), 10s);
}

TEST_F(ClientRateTest, AWaitIsNeverNone) {
  EXPECT_TRUE(goes(3));
  EXPECT_EQ(rate.take(3, clock.steady + std::chrono::microseconds{999}), 1ms);
}

TEST_F(ClientRateTest, NoLimitIsNone) {
  EXPECT_EQ(how_many(1), 1000U);
}

TEST_F(ClientRateTest, ClientsDoNotTakeFromEachOther) {
  how_many(0);
  EXPECT_EQ(how_many(2), 1U);
}

TEST_F(ClientRateTest, AThreadThatIsABitBehindTakesNoMore) {
  EXPECT_EQ(how_many(), 5U);
  clock.steady -= 20ms;
  EXPECT_EQ(rate.take(0, clock.steady), 120ms);
}

TEST_F(ClientRateTest, HoldsOverAllThreadsTogether) {
  ClientRate shared({limited(1, 10'000)});
  std::atomic<unsigned> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5'000; ++n) taken += shared.take(0, clock.steady) ? 0U : 1U;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 10'000U);
}

TEST_F(ClientRateTest, UsedUpRequestsCountUnderAnotherLimit) {
  EXPECT_EQ(how_many(), 5U);
  ClientRate wider{{limited(100, 10)}};
  wider.go_on_from(0, rate, 0, clock.steady);
  unsigned left = 0;
  while (left < 100 && !wider.take(0, clock.steady)) ++left;
  EXPECT_EQ(left, 5U) << "five of ten are used up";
  ClientRate slow{{limited(0.01, 100)}};
  while (!slow.take(0, clock.steady)) {
  }
  ClientRate relaxed{{limited(10, 5)}};
  relaxed.go_on_from(0, slow, 0, clock.steady);
  const auto wait = relaxed.take(0, clock.steady);
  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, 100ms) << "no longer than one request takes at the rate in force";
}

}  // namespace
}  // namespace roktcached::access
