#include "server/counters/request_stats.h"

#include <gtest/gtest.h>

#include <thread>

namespace roktcached::counters {
namespace {

using http::CacheOutcome;
using namespace std::chrono_literals;

std::uint64_t sum_of(const RequestStatsReading& reading) {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : reading.requests) sum += count;
  return sum;
}

TEST(RequestStats, CountsByRouteOutcomeAndStatus) {
  RequestStats thread;
  thread.add("account-summary", CacheOutcome::hit, 200, 40us);
  thread.add("account-summary", CacheOutcome::hit, 200, 60us);
  thread.add("account-summary", CacheOutcome::hit, 304, 20us);
  thread.add("account-summary", CacheOutcome::miss, 200, 300ms);
  thread.add("", CacheOutcome::refused, 404, 10us);
  const RequestStatsReading reading = thread.read();
  const std::map<RequestKind, std::uint64_t> expected = {
      {{"-", CacheOutcome::refused, 404}, 1},
      {{"account-summary", CacheOutcome::hit, 200}, 2},
      {{"account-summary", CacheOutcome::hit, 304}, 1},
      {{"account-summary", CacheOutcome::miss, 200}, 1},
  };
  EXPECT_EQ(reading.requests, expected);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(CacheOutcome::hit)].count(), 3U);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(CacheOutcome::hit)].sum, 120us);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(CacheOutcome::miss)].sum, 300ms);
  EXPECT_EQ(reading.durations[static_cast<std::size_t>(CacheOutcome::failed)].count(), 0U);
}

TEST(RequestStats, CountsTheContentThatWentOutOfSeveralThreads) {
  RequestStats one;
  RequestStats two;
  one.add_body_bytes(CacheOutcome::hit, 100);
  one.add_body_bytes(CacheOutcome::hit, 23);
  two.add_body_bytes(CacheOutcome::hit, 1000);
  two.add_body_bytes(CacheOutcome::miss, 7);
  RequestStatsReading sum = one.read();
  sum.add(two.read());
  EXPECT_EQ(sum.body_bytes[static_cast<std::size_t>(CacheOutcome::hit)], 1123U);
  EXPECT_EQ(sum.body_bytes[static_cast<std::size_t>(CacheOutcome::miss)], 7U);
}

/// The counter of the last request is not searched for again; every part of what it is found by counts.
TEST(RequestStats, TellsApartWhatDiffersFromTheLastInOnePart) {
  RequestStats thread;
  for (int round = 0; round < 3; ++round) {
    for (const char* const route : {"a", "b", ""}) {
      for (const auto outcome : {CacheOutcome::hit, CacheOutcome::miss}) {
        for (const unsigned status : {200U, 304U}) {
          thread.add(route, outcome, status, 1us);
          thread.add(std::string(route), outcome, status, 1us);
        }
      }
    }
  }
  const RequestStatsReading reading = thread.read();
  EXPECT_EQ(reading.requests.size(), 12U);
  for (const auto& [kind, count] : reading.requests) EXPECT_EQ(count, 6U) << kind.route << kind.status;
}

TEST(RequestStats, OfSeveralThreadsIsAdded) {
  RequestStats one;
  RequestStats two;
  one.add("a", CacheOutcome::hit, 200, 1ms);
  two.add("a", CacheOutcome::hit, 200, 2ms);
  two.add("b", CacheOutcome::miss, 503, 1s);
  one.add_cut(http::Cut::client_gone);
  two.add_cut(http::Cut::client_gone);
  RequestStatsReading sum = one.read();
  sum.add(two.read());
  EXPECT_EQ(sum.requests.size(), 2U);
  EXPECT_EQ((sum.requests[{"a", CacheOutcome::hit, 200}]), 2U);
  EXPECT_EQ((sum.requests[{"b", CacheOutcome::miss, 503}]), 1U);
  EXPECT_EQ(sum.cuts[static_cast<std::size_t>(http::Cut::client_gone)], 2U);
  EXPECT_EQ(sum.durations[static_cast<std::size_t>(CacheOutcome::hit)].sum, 3ms);
}

TEST(RequestStats, IsReadWhileNewKindsAppear) {
  RequestStats thread;
  std::thread writer([&thread] {
    for (unsigned i = 0; i < 20'000; ++i)
      thread.add(i % 2 == 0 ? "a" : "b", CacheOutcome::miss, 100 + i % 500, 1ms);
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
}  // namespace roktcached::counters
