#include "server/proxy/fetch/purges.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/server/fake_clock.h"

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;
using caching::OfRoute;
using caching::PurgeKind;

class PurgesTest : public testing::Test {
 protected:
  bool put(SteadyTime begun_at) {
    return purges.put_unless_purged({&subject, 1}, begun_at, [] {});
  }
  SteadyTime tick() {
    clock.advance(1ms);
    return clock.steady_now();
  }

  FakeClock clock;
  Purges purges{clock};
  caching::Key key{"default /a LATEST"};
  caching::Subject subject{key, "a", "", ""};
};

TEST_F(PurgesTest, WhatWasBegunBeforeTheEndIsNotPut) {
  const SteadyTime before = tick();
  EXPECT_TRUE(put(before));
  auto purge = std::make_unique<Purges::UnderWay>(purges, caching::Purge{OfRoute{"a"}, PurgeKind::hard});
  const SteadyTime during = tick();
  EXPECT_FALSE(put(before));
  EXPECT_FALSE(put(during));
  purge.reset();
  EXPECT_FALSE(put(before));
  EXPECT_FALSE(put(during));
  EXPECT_TRUE(put(tick()));
}

TEST_F(PurgesTest, ConcernsOnlyWhatItSelects) {
  const SteadyTime before = tick();
  { const Purges::UnderWay purge(purges, {OfRoute{"b"}, PurgeKind::hard}); }
  EXPECT_TRUE(put(before));
  EXPECT_FALSE(purges.removed_since(subject, before));
}

TEST_F(PurgesTest, ASoftOneRemovesNothing) {
  const SteadyTime before = tick();
  { const Purges::UnderWay purge(purges, {caching::Everything{}, PurgeKind::soft}); }
  EXPECT_FALSE(purges.removed_since(subject, before));
  EXPECT_FALSE(put(before)) << "but what was fetched before it is not stored as fresh";
}

TEST_F(PurgesTest, EndsBetweenTwoTimes) {
  const SteadyTime before = tick();
  auto purge = std::make_unique<Purges::UnderWay>(purges, caching::Purge{});
  const SteadyTime during = tick();
  EXPECT_FALSE(purges.ended_between(subject, before, during));
  tick();
  purge.reset();
  const SteadyTime after = tick();
  EXPECT_TRUE(purges.ended_between(subject, before, after));
  EXPECT_FALSE(purges.ended_between(subject, before, during)) << "who came during it";
  EXPECT_FALSE(purges.ended_between(subject, after, tick()));
}

TEST_F(PurgesTest, WhatIsForgottenCountsAsPurged) {
  const SteadyTime before = tick();
  for (int i = 0; i < 100; ++i) {
    tick();
    const Purges::UnderWay purge(purges, {OfRoute{"b"}, PurgeKind::hard});
  }
  EXPECT_FALSE(put(before));
  EXPECT_TRUE(put(tick()));
}

TEST_F(PurgesTest, OneThatIsUnderWayForLongIsNotForgotten) {
  auto longest = std::make_unique<Purges::UnderWay>(purges, caching::Purge{OfRoute{"a"}, PurgeKind::hard});
  for (int i = 0; i < 100; ++i) {
    tick();
    const Purges::UnderWay purge(purges, {OfRoute{"b"}, PurgeKind::hard});
  }
  EXPECT_FALSE(put(tick()));
  const SteadyTime before = tick();
  longest.reset();
  EXPECT_FALSE(put(before));
  EXPECT_TRUE(put(tick()));
}

}  // namespace
}  // namespace roktcached::proxy
