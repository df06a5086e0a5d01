#include "server/exchange/traffic.h"

#include <gtest/gtest.h>

#include <thread>

namespace roktcached::exchange {
namespace {

using inbound::Outcome;
using namespace std::chrono_literals;

std::uint64_t sum_of(const TrafficReading& reading) {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : reading.requests) sum += count;
  return sum;
}

TEST(Traffic, CountsByRouteOutcomeAndStatus) {
  Traffic thread;
  thread.add("account-summary", Outcome::hit, 200, 40us);
  thread.add("account-summary", Outcome::hit, 200, 60us);
  thread.add("account-summary", Outcome::hit, 304, 20us);
  thread.add("account-summary", Outcome::miss, 200, 300ms);
  thread.add("", Outcome::refused, 404, 10us);
  const TrafficReading reading = thread.read();
  const std::map<RequestKind, std::uint64_t> expected = {
      {{"-", Outcome::refused, 404}, 1},
      {{"account-summary", Outcome::hit, 200}, 2},
      {{"account-summary", Outcome::hit, 304}, 1},
      {{"account-summary", Outcome::miss, 200}, 1},
  };
  EXPECT_EQ(reading.requests, expected);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(Outcome::hit)].count(), 3U);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(Outcome::hit)].sum, 120us);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(Outcome::miss)].sum, 300ms);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(Outcome::failed)].count(), 0U);
}

/// The counter of the last request is not searched for again; every part of what it is found by counts.
TEST(Traffic, TellsApartWhatDiffersFromTheLastInOnePart) {
  Traffic thread;
  for (int round = 0; round < 3; ++round) {
    for (const char* const route : {"a", "b", ""}) {
      for (const auto outcome : {Outcome::hit, Outcome::miss}) {
        for (const unsigned status : {200U, 304U}) {
          thread.add(route, outcome, status, 1us);
          thread.add(std::string(route), outcome, status, 1us);
        }
      }
    }
  }
  const TrafficReading reading = thread.read();
  EXPECT_EQ(reading.requests.size(), 12U);
  for (const auto& [kind, count] : reading.requests) EXPECT_EQ(count, 6U) << kind.route << kind.status;
}

TEST(Traffic, OfSeveralThreadsIsAdded) {
  Traffic one;
  Traffic two;
  one.add("a", Outcome::hit, 200, 1ms);
  two.add("a", Outcome::hit, 200, 2ms);
  two.add("b", Outcome::miss, 503, 1s);
  one.add_cut(inbound::Cut::client_gone);
  two.add_cut(inbound::Cut::client_gone);
  TrafficReading sum = one.read();
  sum.add(two.read());
  EXPECT_EQ(sum.requests.size(), 2U);
  EXPECT_EQ((sum.requests[{"a", Outcome::hit, 200}]), 2U);
  EXPECT_EQ((sum.requests[{"b", Outcome::miss, 503}]), 1U);
  EXPECT_EQ(sum.cuts[static_cast<std::size_t>(inbound::Cut::client_gone)], 2U);
  EXPECT_EQ(sum.durations[static_cast<std::size_t>(Outcome::hit)].sum, 3ms);
}

TEST(Traffic, IsReadWhileNewKindsAppear) {
  Traffic thread;
  std::thread writer([&thread] {
    for (unsigned i = 0; i < 20'000; ++i)
      thread.add(i % 2 == 0 ? "a" : "b", Outcome::miss, 100 + i % 500, 1ms);
  });
  std::uint64_t seen = 0;
  while (seen < 20'000) {
    const std::uint64_t now = sum_of(thread.read());
    ASSERT_GE(now, seen);
    seen = now;
  }
  writer.join();
  EXPECT_EQ(thread.read().requests.size(), 500U);
}

}  // namespace
}  // namespace roktcached::exchange
