#include "server/fleet/purge_history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace roktcached::fleet {
namespace {

using caching::Purge;
using caching::PurgeKind;

TEST(StreamPositionTest, WhatIsNoneIsTheBeginning) {
  for (const std::string text : {"", "-", "5", "5-", "-5", "5-x", "x-5", "5-5 ", " 5-5", "5--5", "+5-5",
                                 "5-5-5", "18446744073709551616-0", "0-18446744073709551616"})
    EXPECT_EQ(StreamPosition::of(text), StreamPosition()) << text;
  for (const std::string text :
       {"0-0", "5-0", "1700000000000-12", "18446744073709551615-18446744073709551615"})
    EXPECT_EQ(StreamPosition::of(text).text(), text);
}

TEST(StreamPositionTest, TheyAreOrderedAsNumbers) {
  const std::vector<std::string> in_order{"0-0", "0-1", "9-0", "9-10", "10-2", "10-9", "100-0"};
  for (std::size_t i = 0; i + 1 < in_order.size(); ++i)
    EXPECT_LT(StreamPosition::of(in_order[i]), StreamPosition::of(in_order[i + 1])) << in_order[i];
}

struct KnownSubject {
  std::string key_text;
  std::string route;
  std::string account;
  std::string campaign;
};

/// Few values, so that purges meet subjects.
KnownSubject any_subject(std::minstd_rand& random) {
  return {"GET /" + std::to_string(random() % 3), "route-" + std::to_string(random() % 2),
          std::to_string(random() % 2), std::to_string(random() % 2)};
}

Purge any_purge(std::minstd_rand& random) {
  const PurgeKind kind = random() % 2 == 0 ? PurgeKind::hard : PurgeKind::soft;
  const KnownSubject of = any_subject(random);
  switch (random() % 8) {
    case 0:
      return {caching::Everything{}, kind};
    case 1:
      return {caching::OfRoute{of.route}, kind};
    case 2:
      return {caching::OfAccount{of.account, std::nullopt}, kind};
    case 3:
      return {caching::OfAccount{of.account, of.campaign}, kind};
    default:
      return {caching::WithKey{caching::Key(of.key_text).hash()}, kind};
  }
}

/// All purges that there ever were, in a list.
struct NaiveHistory {
  struct Known {
    StreamPosition position;
    Purge purge;
  };
  std::vector<Known> all;

  [[nodiscard]] bool purged_after(const caching::Subject& subject, StreamPosition begun) const {
    for (const Known& known : all) {
      if (known.position > begun && caching::matches(known.purge.selection, subject)) return true;
    }
    return false;
  }
};

/// Never allows what was begun before a purge that selects it, whatever was forgotten, heard twice or heard
/// out of order. What it refuses without such a purge is older than what it has forgotten.
TEST(PurgeHistoryTest, NothingBegunBeforeAPurgeIsEverAllowed) {
  std::size_t allowed = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::minstd_rand random(seed);
    PurgeHistory history;
    NaiveHistory naive;
    StreamPosition now{1000, 0};
    StreamPosition forgotten;
    for (int step = 0; step < 2500; ++step) {
      const auto what = random() % 100;
      if (what < 60) {
        now = random() % 3 == 0 ? StreamPosition{now.time_ms, now.number + 1}
                                : StreamPosition{now.time_ms + 1 + random() % 5, random() % 2};
        naive.all.push_back({now, any_purge(random)});
        history.add(now, naive.all.back().purge);
        if (naive.all.size() > PurgeHistory::max_purges) {
          const auto& gone = naive.all[naive.all.size() - 1 - PurgeHistory::max_purges];
          forgotten = std::max(forgotten, gone.position);
        }
      } else if (what < 65 && !naive.all.empty()) {
        const auto& again = naive.all[random() % naive.all.size()];
        history.add(again.position, again.purge);
      } else if (what == 65) {
        const StreamPosition until{1000 + random() % (now.time_ms - 999), 0};
        history.forget_until(until);
        forgotten = std::max(forgotten, until);
      }
      const KnownSubject subject = any_subject(random);
      const caching::Key key(subject.key_text);
      const caching::Subject view{key, subject.route, subject.account, subject.campaign};
      // Mostly the position of a purge, as the engine says which was the last.
      StreamPosition begun{now.time_ms - std::min<std::uint64_t>(now.time_ms, random() % 60), random() % 3};
      if (random() % 4 > 0 && !naive.all.empty())
        begun =
            naive.all[naive.all.size() - 1 - random() % std::min<std::size_t>(naive.all.size(), 30)].position;
      const bool is_allowed = history.allows(view, begun);
      allowed += is_allowed ? 1 : 0;
      const auto is_known = [&] {
        return begun == forgotten ||
               std::ranges::any_of(naive.all, [&](const auto& one) { return one.position == begun; });
      };
      const bool may_be = begun >= forgotten && !naive.purged_after(view, begun) && is_known();
      ASSERT_EQ(is_allowed, may_be) << "seed " << seed << " step " << step << " begun " << begun.text();
    }
    EXPECT_EQ(history.heard(), now);
  }
  EXPECT_GT(allowed, 1000U);
}

/// An engine that was emptied may begin at an earlier time.
TEST(PurgeHistoryTest, InANewEpochNothingOfTheOldOneIsUsed) {
  PurgeHistory history;
  const caching::Key key("GET /a");
  const caching::Subject subject{key, "route", "1", "2"};
  history.add({500, 0}, {caching::WithKey{key.hash()}, PurgeKind::hard});
  history.forget_until({400, 0});
  EXPECT_TRUE(history.allows(subject, {500, 0}));
  history.begin_anew();
  EXPECT_EQ(history.heard(), StreamPosition());
  EXPECT_EQ(history.furthest(), StreamPosition());
  for (const StreamPosition begun : {StreamPosition{499, 0}, StreamPosition{500, 0}, StreamPosition{400, 0}})
    EXPECT_FALSE(history.allows(subject, begun)) << "landed after the engine was emptied: " << begun.text();
  history.add({100, 0}, {caching::OfRoute{"route"}, PurgeKind::soft});
  EXPECT_EQ(history.heard(), (StreamPosition{100, 0}));
  EXPECT_FALSE(history.allows(subject, {0, 0}));
  EXPECT_FALSE(history.allows(subject, {500, 0}));
  EXPECT_TRUE(history.allows(subject, {100, 0}));
}

/// Else no purge would ever reach an answer of which somebody was told so.
TEST(PurgeHistoryTest, WhatBeganAfterAPurgeThatNobodyKnowsIsNotUsed) {
  PurgeHistory history;
  const caching::Key key("GET /a");
  const caching::Subject subject{key, "route", "1", "2"};
  EXPECT_TRUE(history.allows(subject, {0, 0}));
  EXPECT_FALSE(history.allows(subject, {60'000, 0}));
  history.add({500, 0}, {caching::OfRoute{"another"}, PurgeKind::hard});
  EXPECT_FALSE(history.allows(subject, {60'000, 0}));
  history.add({1000, 0}, {caching::OfRoute{"route"}, PurgeKind::hard});
  history.add({70'000, 0}, {caching::OfRoute{"another"}, PurgeKind::hard});
  EXPECT_FALSE(history.allows(subject, {60'000, 0})) << "the clock is beyond it now";
  EXPECT_TRUE(history.allows(subject, {1000, 0}));
}

/// A replica that was promoted may lack the last purges, and count on from an earlier time.
TEST(PurgeHistoryTest, APurgeThatTheEngineHasLostStillForbidsWhatBeganBeforeIt) {
  PurgeHistory history;
  const caching::Key key("GET /a");
  const caching::Subject subject{key, "route", "1", "2"};
  history.add({100, 0}, {caching::OfRoute{"another"}, PurgeKind::soft});
  history.add({500, 0}, {caching::WithKey{key.hash()}, PurgeKind::hard});
  const std::vector<Purge> lost = history.go_back_to({100, 0});
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_TRUE(caching::matches(lost.front().selection, subject));
  EXPECT_EQ(history.heard(), (StreamPosition{100, 0}));
  EXPECT_FALSE(history.allows(subject, {100, 0}));
  EXPECT_TRUE(history.allows(subject, {100, 1})) << "it began after the next purge of the engine";
  history.add({100, 1}, lost.front());
  EXPECT_EQ(history.heard(), (StreamPosition{100, 1})) << "told again, it is taken in";
  EXPECT_FALSE(history.allows(subject, {100, 0}));
}

TEST(PurgeHistoryTest, AnEngineThatHasLostNothingIsNotBehind) {
  PurgeHistory history;
  history.add({100, 0}, {caching::Everything{}, PurgeKind::soft});
  EXPECT_TRUE(history.go_back_to({100, 0}).empty());
  EXPECT_TRUE(history.go_back_to({200, 0}).empty());
  EXPECT_EQ(history.heard(), (StreamPosition{100, 0}));
}

}  // namespace
}  // namespace roktcached::fleet
