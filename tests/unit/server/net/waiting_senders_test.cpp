#include "server/net/waiting_senders.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace roktcached::net {
namespace {

using namespace std::chrono_literals;

class WaitingSendersTest : public testing::Test {
 protected:
  /// One that leaves where it is asked to, and notes its name.
  void enter(std::optional<WaitingSenders::Entry>& entry, const std::string& name, const std::string& body,
             SteadyTime since) {
    entry.emplace(
        senders, context.get_executor(), &body,
        [this, &entry, name] {
          gone.push_back(name);
          leaving.push_back(&entry);
        },
        since);
  }
  std::vector<std::string> gone_after(SteadyTime now) {
    asked = senders.ask_slowest(now);
    context.restart();
    context.run();
    for (auto* const entry : std::exchange(leaving, {})) entry->reset();
    return std::exchange(gone, {});
  }

  const SteadyTime begin{1h};
  const std::string one = "one";
  const std::string other = "other";
  boost::asio::io_context context;
  WaitingSenders senders;
  WaitingSenders::Asked asked;
  std::vector<std::string> gone;
  std::vector<std::optional<WaitingSenders::Entry>*> leaving;
  std::optional<WaitingSenders::Entry> a, b, c;
};

using Names = std::vector<std::string>;

TEST_F(WaitingSendersTest, NobodyGivesWayWhereNobodyWaits) {
  EXPECT_EQ(gone_after(begin), Names());
  EXPECT_FALSE(asked.any);
}

TEST_F(WaitingSendersTest, NobodyGivesWayWhoTakesSomething) {
  enter(a, "a", one, begin);
  EXPECT_EQ(gone_after(begin + 999ms), Names());
  a->progressed(begin + 900ms);
  EXPECT_EQ(gone_after(begin + 1899ms), Names());
  EXPECT_FALSE(asked.any);
  EXPECT_EQ(gone_after(begin + 1900ms), Names{"a"});
  EXPECT_TRUE(asked.any);
}

TEST_F(WaitingSendersTest, TheSlowestGivesWayFirst) {
  enter(a, "a", one, begin + 1s);
  enter(b, "b", other, begin);
  EXPECT_EQ(gone_after(begin + 10s), Names{"b"});
  EXPECT_EQ(gone_after(begin + 10s), Names{"a"});
  EXPECT_EQ(gone_after(begin + 10s), Names());
}

TEST_F(WaitingSendersTest, ThoseThatSendTheSameGiveWayTogetherButForTheFast) {
  enter(a, "a", one, begin);
  enter(b, "b", one, begin + 2s);
  enter(c, "c", one, begin + 9500ms);
  EXPECT_EQ(gone_after(begin + 10s), (Names{"a", "b"}));
  EXPECT_EQ(asked.now, 2U);
  EXPECT_TRUE(c);
}

TEST_F(WaitingSendersTest, TheNextIsAskedOnceTheOneBeforeHasGone) {
  enter(a, "a", one, begin);
  enter(b, "b", other, begin);
  EXPECT_EQ(senders.ask_slowest(begin + 10s).now, 1U);
  const auto again = senders.ask_slowest(begin + 10s);
  EXPECT_EQ(again.now, 0U);
  EXPECT_TRUE(again.any);
  context.run();
  EXPECT_EQ(gone, Names{"a"});
}

TEST_F(WaitingSendersTest, OneThatTurnsOutToTakeSomethingStays) {
  a.emplace(
      senders, context.get_executor(), &one,
      [this] {
        a->progressed(begin + 9s);  // seen only now
        EXPECT_FALSE(a->still_slow(begin + 9500ms));
      },
      begin);
  EXPECT_EQ(gone_after(begin + 9500ms), Names());
  EXPECT_FALSE(senders.ask_slowest(begin + 9600ms).any);
  EXPECT_TRUE(senders.ask_slowest(begin + 10s).any);
}

TEST_F(WaitingSendersTest, OneThatHasLeftMeanwhileIsNotDisturbed) {
  enter(a, "a", one, begin);
  EXPECT_TRUE(senders.ask_slowest(begin + 10s).any);
  a.reset();
  context.run();
  EXPECT_EQ(gone, Names());
  EXPECT_FALSE(senders.ask_slowest(begin + 10s).any);
}

}  // namespace
}  // namespace roktcached::net
