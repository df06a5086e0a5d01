// Memory that fails, an allocation at a time, where counters and queues must stay true all the same.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "counting_allocator.h"
#include "server/proxy/fetch/fetch.h"
#include "server/upstream/limit/fair_queue.h"
#include "server/worker_pool.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime now{std::chrono::hours{1}};

class OutOfMemory : public testing::TestWithParam<std::uint64_t> {};

/// Does what may throw, with the nth allocation failing.
/// @return whether it did throw
template <class Action>
bool fails(std::uint64_t nth, Action action) {
  try {
    const test::FailingAllocation failing(nth);
    action();
    return false;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

TEST_P(OutOfMemory, AQueueThatCannotTakeARequestServesTheOthers) {
  FairQueue queue(100);
  std::map<FairQueue::Handle, std::string> waiting;
  std::size_t failures = 0;
  const auto push = [&](const std::string& client, std::uint64_t failing) {
    FairQueue::Request request{client, 1, Priority::interactive, now + 1h};
    const std::size_t before = queue.size();
    std::optional<FairQueue::Handle> queued;
    if (fails(failing, [&] { queued = queue.push(std::move(request)).queued; })) {
      ++failures;
      EXPECT_EQ(queue.size(), before) << "nothing was queued";
    } else {
      ASSERT_TRUE(queued);
      waiting[*queued] = client;
    }
  };
  for (int round = 0; round < 3; ++round) {
    for (const char* client :
         {"somebody with a name that takes memory", "b", "somebody else with a long name"})
      push(client, GetParam());
    for (const char* client : {"b", "somebody else with a long name"}) push(client, 1000);
    EXPECT_EQ(queue.size(), waiting.size());
    std::optional<FairQueue::Handle> next;
    EXPECT_FALSE(fails(0, [&] { next = queue.pop(now); })) << "what takes a request out takes no memory";
    ASSERT_TRUE(next);
    EXPECT_EQ(waiting.erase(*next), 1U);
  }
  EXPECT_GT(failures, 0U);
  if (!waiting.empty()) {
    const FairQueue::Handle last = waiting.rbegin()->first;
    EXPECT_FALSE(fails(0, [&] { queue.remove(last); }));
    waiting.erase(last);
  }
  const auto late = queue.expire(now + 2h);
  EXPECT_EQ(late.size(), waiting.size());
  EXPECT_EQ(queue.size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(EachAllocation, OutOfMemory, testing::Range<std::uint64_t>(0, 6));

}  // namespace
}  // namespace roktcached::upstream

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

TEST(OutOfMemoryFetches, WhatCannotBeKeptForAWhileIsNotKeptForEver) {
  constexpr int many = 200;  // for some of them the list takes memory
  FetchesByKey fetches;
  const SteadyTime now{std::chrono::hours{1}};
  const auto key_of = [](int number) { return caching::Key("key " + std::to_string(number)); };
  int lost = 0;
  for (int i = 0; i < many; ++i) {
    const auto fetch = std::make_shared<Fetch>(key_of(i), now);
    fetches.add(fetch);
    fetch->finished = true;
    fetch->finished_at = now;
    {
      const test::FailingAllocation failing(0);
      fetches.keep_for_a_while(fetch);
    }
    if (fetches.find(key_of(i), now) == nullptr) ++lost;
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, many);
  for (int i = 0; i < many; ++i) EXPECT_EQ(fetches.find(key_of(i), now + 2s), nullptr) << i;
}

}  // namespace
}  // namespace roktcached::proxy

namespace roktcached {
namespace {

/// Where the frame that holds it ends.
struct Ending {
  std::thread::id& where;
  ~Ending() { where = std::this_thread::get_id(); }
};

class OutOfMemoryElsewhere : public testing::TestWithParam<std::uint64_t> {};

TEST_P(OutOfMemoryElsewhere, WhoeverWaitsForAnotherThreadIsResumed) {
  boost::asio::io_context context;
  WorkerPool pool(1, "testing");
  std::optional<test::FailingAllocation> failing;
  bool resumed = false;
  std::thread::id ended;
  const auto wait = [&]() -> boost::asio::awaitable<void> {
    const Ending ending{ended};
    const auto work = [&] { failing.emplace(GetParam()); };
    co_await run_on(pool.executor(), work);
    resumed = true;
  };
  boost::asio::co_spawn(context, wait, boost::asio::detached);
  context.run();
  EXPECT_TRUE(resumed);
  EXPECT_EQ(ended, std::this_thread::get_id());
}

INSTANTIATE_TEST_SUITE_P(EachAllocation, OutOfMemoryElsewhere, testing::Range<std::uint64_t>(0, 6));

}  // namespace
}  // namespace roktcached
