#include "server/upstream/limit/fair_queue.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <unordered_set>

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;
using Handle = FairQueue::Handle;
using Refusal = FairQueue::Refusal;

constexpr SteadyTime queue_start{std::chrono::hours{1}};

class FairQueueTest : public testing::Test {
 protected:
  FairQueue::Pushed push(const std::string& client, double weight = 1,
                         Priority priority = Priority::interactive, SteadyTime deadline = SteadyTime::max()) {
    const auto pushed = queue->push({client, weight, priority, deadline});
    if (pushed.queued) owners[*pushed.queued] = client;
    return pushed;
  }
  /// Whose request is served next; empty: none waits.
  std::string serve(SteadyTime now = queue_start) {
    const auto handle = queue->pop(now);
    return handle ? owners.at(*handle) : "";
  }
  std::map<std::string, int> serve_many(int count) {
    std::map<std::string, int> served;
    for (int i = 0; i < count; ++i) ++served[serve()];
    return served;
  }
  /// Whether a request of the client would go behind a stranger's: it has had a part of its share already.
  [[nodiscard]] bool owes(const std::string& client, double weight = 1) const {
    const auto wait_of = [&](const std::string& of) {
      return queue->expected_wait(of, weight, Priority::interactive, 1, 0);
    };
    return wait_of(client) > wait_of("a stranger");
  }

  std::optional<FairQueue> queue{std::in_place, 2000U};
  std::map<Handle, std::string> owners;
};

TEST_F(FairQueueTest, WithinOneClientFirstComeFirstServed) {
  const auto first = push("a");
  const auto second = push("a");
  EXPECT_EQ(queue->size(), 2U);
  EXPECT_EQ(queue->pop(queue_start), first.queued);
  EXPECT_EQ(queue->pop(queue_start), second.queued);
  EXPECT_EQ(queue->pop(queue_start), std::nullopt);
  EXPECT_EQ(queue->size(), 0U);
}

TEST_F(FairQueueTest, AMoreUrgentPriorityAlwaysGoesFirst) {
  push("ahead", 100, Priority::refresh_ahead);
  push("behind", 100, Priority::revalidation);
  for (int i = 0; i < 50; ++i) push("waiting", 0.1, Priority::interactive);
  EXPECT_EQ(queue->size(Priority::interactive), 50U);
  EXPECT_EQ(serve_many(50)["waiting"], 50);
  EXPECT_EQ(serve(), "behind");
  EXPECT_EQ(serve(), "ahead");
}

TEST_F(FairQueueTest, AFloodOf500DelaysASingleRequestByOne) {
  for (int i = 0; i < 500; ++i) push("flood");
  serve_many(100);
  push("single");
  const auto served = serve_many(2);
  EXPECT_EQ(served.count("single"), 1U);
}

TEST_F(FairQueueTest, AFloodThatGoesOnStarvesNobodyWhoAsksOneByOne) {
  for (int i = 0; i < 500; ++i) push("flood");
  push("single");
  int single = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string served = serve();
    if (served == "single") ++single;
    push(served);
  }
  EXPECT_NEAR(single, 500, 1) << "nor does who asks one by one starve the flood";
}

TEST_F(FairQueueTest, WeightsShareTheService) {
  for (int i = 0; i < 400; ++i) {
    push("three", 3);
    push("one", 1);
  }
  for (const int count : {40, 80, 200}) {
    const auto served = serve_many(count);
    EXPECT_NEAR(served.at("three"), 3 * count / 4, 1);
    EXPECT_NEAR(served.at("one"), count / 4, 1);
  }
}

TEST_F(FairQueueTest, WeightsShareTheServiceAmongThoseWhoAskOneByOne) {
  push("flood", 1);
  push("three", 3);
  push("one", 1);
  std::map<std::string, int> served;
  for (int i = 0; i < 10; ++i) push("flood", 1);
  for (int i = 0; i < 500; ++i) {
    const std::string who = serve();
    ++served[who];
    push(who, who == "three" ? 3 : 1);
  }
  EXPECT_NEAR(served["three"], 300, 3);
  EXPECT_NEAR(served["one"], 100, 3);
  EXPECT_NEAR(served["flood"], 100, 3);
}

TEST_F(FairQueueTest, AWeightOfNothingIsStillServed) {
  for (int i = 0; i < 10; ++i) push("nothing", 0);
  for (int i = 0; i < 10; ++i) push("one", 1);
  EXPECT_EQ(serve_many(20).at("nothing"), 10);
}

TEST_F(FairQueueTest, IdlingSavesNothingUp) {
  for (int i = 0; i < 300; ++i) push("busy");
  serve_many(200);
  for (int i = 0; i < 100; ++i) push("late");
  const auto served = serve_many(100);
  EXPECT_NEAR(served.at("late"), 50, 1);
}

TEST_F(FairQueueTest, AClientThatHasGoneOwesNothingOnceItsTurnWouldComeAgain) {
  for (int i = 0; i < 10; ++i) push("flood");
  push("gone");
  serve_many(2);
  EXPECT_TRUE(owes("gone"));
  serve_many(2);
  EXPECT_FALSE(owes("gone"));
}

TEST_F(FairQueueTest, WhatIsTakenOutUnservedCostsItsClientNothing) {
  for (int i = 0; i < 100; ++i) push("stays");
  std::vector<Handle> leaving;
  for (int i = 0; i < 100; ++i) leaving.push_back(*push("leaves").queued);
  for (const Handle handle : leaving) EXPECT_TRUE(queue->remove(handle));
  push("leaves");
  EXPECT_EQ(serve_many(2).count("leaves"), 1U);
}

TEST_F(FairQueueTest, RemovingInTheMiddleKeepsTheOrder) {
  const auto first = push("a");
  const auto second = push("a");
  const auto third = push("a");
  EXPECT_TRUE(queue->remove(*second.queued));
  EXPECT_FALSE(queue->remove(*second.queued));
  EXPECT_EQ(queue->waiting_by_client().at("a"), 2U);
  EXPECT_EQ(queue->pop(queue_start), first.queued);
  EXPECT_EQ(queue->pop(queue_start), third.queued);
  EXPECT_FALSE(queue->remove(*first.queued)) << "it has been served";
}

TEST_F(FairQueueTest, ALateRequestIsNotServedAndHandedOutOnce) {
  const auto late = push("a", 1, Priority::interactive, queue_start + 1s);
  const auto later = push("a", 1, Priority::interactive, queue_start + 2s);
  const auto patient = push("a", 1, Priority::interactive, queue_start + 1min);
  EXPECT_TRUE(queue->expire(queue_start + 999ms).empty());
  EXPECT_EQ(queue->pop(queue_start + 2s), patient.queued);
  EXPECT_EQ(queue->size(), 0U);
  EXPECT_EQ(queue->expire(queue_start + 2s), (std::vector<Handle>{*late.queued, *later.queued}));
  EXPECT_TRUE(queue->expire(queue_start + 2s).empty());
}

TEST_F(FairQueueTest, ALateRequestThatIsRemovedIsNotHandedOut) {
  const auto late = push("a", 1, Priority::interactive, queue_start + 1s);
  EXPECT_EQ(queue->pop(queue_start + 2s), std::nullopt);
  EXPECT_TRUE(queue->remove(*late.queued));
  EXPECT_TRUE(queue->expire(queue_start + 2s).empty());
}

class FullQueueTest : public FairQueueTest {
 protected:
  FullQueueTest() { queue.emplace(4U); }
};

TEST_F(FullQueueTest, TheLastRequestOfWhoHasTheMostGivesWay) {
  push("small");
  push("large");
  push("large");
  const auto last = push("large");
  const auto pushed = push("newcomer");
  EXPECT_TRUE(pushed.queued);
  EXPECT_EQ(pushed.displaced, last.queued);
  EXPECT_EQ(queue->size(), 4U);
  EXPECT_EQ(queue->waiting_by_client().at("large"), 2U);
  EXPECT_FALSE(queue->remove(*last.queued));
}

TEST_F(FullQueueTest, WhoHasTheMostIsRefused) {
  push("small");
  for (int i = 0; i < 3; ++i) push("large");
  const auto pushed = push("large");
  EXPECT_FALSE(pushed.queued);
  EXPECT_FALSE(pushed.displaced);
  EXPECT_EQ(pushed.refused, Refusal::client_share);
  EXPECT_EQ(queue->size(), 4U);
}

TEST_F(FullQueueTest, TwoClientsDoNotGoOnDisplacingEachOther) {
  for (int i = 0; i < 2; ++i) {
    push("a");
    push("b");
  }
  EXPECT_EQ(push("a").refused, Refusal::client_share);
  EXPECT_EQ(push("b").refused, Refusal::client_share);
  EXPECT_TRUE(push("c").displaced);
  EXPECT_EQ(push("a").refused, Refusal::client_share);
  EXPECT_EQ(push("b").refused, Refusal::client_share);
}

TEST_F(FullQueueTest, TheLeastUrgentPriorityGivesWayFirstWhoeverAsks) {
  const auto ahead = push("a", 1, Priority::refresh_ahead);
  push("b", 1, Priority::revalidation);
  const auto behind = push("b", 1, Priority::revalidation);
  push("c");
  EXPECT_EQ(push("a").displaced, ahead.queued);
  EXPECT_EQ(push("a").displaced, behind.queued);
  EXPECT_EQ(push("a", 1, Priority::refresh_ahead).refused, Refusal::more_urgent);
  EXPECT_EQ(queue->size(), 4U);
}

TEST_F(FullQueueTest, WhereNothingMayWaitEverythingIsRefused) {
  queue.emplace(0U);
  const auto pushed = push("a");
  EXPECT_EQ(pushed.refused, Refusal::no_queue);
  EXPECT_FALSE(pushed.queued);
}

TEST_F(FullQueueTest, WhatIsRememberedOfClientsIsBoundedByTheLength) {
  queue.emplace(50U);
  for (int i = 0; i < 40; ++i) push("flood", 1000);
  constexpr int clients = 10'000;
  for (int i = 0; i < clients; ++i) {
    push("flood", 1000);
    push("client " + std::to_string(i), 0.001);
    serve();
    ASSERT_LE(queue->waiting_by_client().size(), 50U);
  }
  const auto remembered = [&] {
    const auto waiting = queue->waiting_by_client();
    int count = 0;
    for (int i = 0; i < clients; ++i) {
      const std::string client = "client " + std::to_string(i);
      if (!waiting.contains(client) && owes(client, 0.001)) ++count;
    }
    return count;
  };
  EXPECT_GT(remembered(), 0);
  EXPECT_LE(remembered(), 50);
  while (!serve().empty()) continue;
  for (int i = 0; i < 40; ++i) push("flood", 1000);
  EXPECT_EQ(remembered(), 0);
}

TEST_F(FairQueueTest, TheCountsByClientAddUp) {
  push("a");
  push("a", 1, Priority::revalidation);
  push("b");
  EXPECT_EQ(queue->waiting_by_client(), (std::map<std::string, std::size_t>{{"a", 2}, {"b", 1}}));
}

/// Serves one request every tenth of a second until `handle` is.
double drain_until(FairQueue& queue, Handle handle) {
  for (int served = 1;; ++served) {
    const auto next = queue.pop(queue_start);
    if (!next || *next == handle) return served * 0.1;
  }
}

TEST_F(FairQueueTest, TheExpectedWaitIsWhatADrainTakes) {
  std::mt19937_64 random(1);
  const auto below = [&random](std::uint64_t end) { return random() % end; };
  for (int round = 0; round < 300; ++round) {
    queue.emplace(2000U);
    const std::uint64_t clients = 1 + below(8);
    for (std::uint64_t i = below(300); i > 0; --i) {
      const auto who = below(clients);
      push("client " + std::to_string(who), 1 + static_cast<double>(who % 3),
           static_cast<Priority>(below(3)));
      if (below(3) == 0) serve();
    }
    const auto who = below(clients + 1);
    const auto priority = static_cast<Priority>(below(3));
    const double weight = 1 + static_cast<double>(who % 3);
    const std::string client = "client " + std::to_string(who);
    const std::chrono::duration<double> expected = queue->expected_wait(client, weight, priority, 10, 0);
    const auto pushed = push(client, weight, priority);
    const double actual = drain_until(*queue, *pushed.queued);
    ASSERT_NEAR(expected.count(), actual, std::max(0.1, 0.2 * actual) + 1e-6) << "round " << round;
  }
}

TEST_F(FairQueueTest, TheExpectedWaitCountsOnlyWhatIsServedBefore) {
  for (int i = 0; i < 500; ++i) push("flood");
  for (int i = 0; i < 500; ++i) push("flood", 1, Priority::refresh_ahead);
  EXPECT_EQ(queue->expected_wait("single", 1, Priority::interactive, 1, 0), 2s);
  EXPECT_EQ(queue->expected_wait("flood", 1, Priority::interactive, 1, 0), 501s);
  EXPECT_EQ(queue->expected_wait("single", 1, Priority::revalidation, 1, 0), 501s);
}

TEST_F(FairQueueTest, TheExpectedWaitReckonsWithTokensThatAreThere) {
  EXPECT_EQ(queue->expected_wait("a", 1, Priority::interactive, 2, 1), 0ms);
  EXPECT_EQ(queue->expected_wait("a", 1, Priority::interactive, 2, 0.5), 250ms);
  for (int i = 0; i < 3; ++i) push("a");
  EXPECT_EQ(queue->expected_wait("a", 1, Priority::interactive, 2, 1), 1500ms);
  EXPECT_EQ(queue->expected_wait("a", 1, Priority::interactive, 2, 4), 0ms);
  EXPECT_EQ(queue->expected_wait("a", 1, Priority::interactive, 0, 0), 0ms) << "no limit";
}

/// Each request that went in comes out once, by one of the ways out, and the counts agree.
TEST_F(FairQueueTest, NothingIsLostAndNothingComesOutTwice) {
  std::mt19937_64 random(7);
  queue.emplace(30U);
  std::unordered_set<Handle> waiting;
  const auto leaves = [&waiting](Handle handle) { ASSERT_EQ(waiting.erase(handle), 1U); };
  SteadyTime now = queue_start;
  for (int step = 0; step < 50'000; ++step) {
    now += 1ms;
    const auto what = random() % 8;
    if (what < 5) {
      const auto deadline = now + std::chrono::milliseconds(1 + random() % 100);
      const auto pushed = push("client " + std::to_string(random() % 10), 0.5 + static_cast<double>(what),
                               static_cast<Priority>(random() % 3), deadline);
      ASSERT_NE(pushed.queued.has_value(), pushed.refused.has_value());
      if (pushed.displaced) leaves(*pushed.displaced);
      if (pushed.queued) waiting.insert(*pushed.queued);
    } else if (what == 5) {
      if (const auto served = queue->pop(now)) leaves(*served);
    } else if (what == 6) {
      for (const Handle late : queue->expire(now)) leaves(late);
    } else if (!waiting.empty()) {
      const Handle gone = *waiting.begin();
      ASSERT_TRUE(queue->remove(gone));
      leaves(gone);
    }
    ASSERT_LE(queue->size(), 30U);
    std::size_t sum = 0;
    for (const auto& [client, count] : queue->waiting_by_client()) sum += count;
    ASSERT_EQ(sum, queue->size());
  }
  while (const auto served = queue->pop(now)) leaves(*served);
  for (const Handle late : queue->expire(now)) leaves(late);
  EXPECT_TRUE(waiting.empty());
}

}  // namespace
}  // namespace roktcached::upstream
