#include "server/commands/warm_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <fstream>

#include "server/admin/warm_request.h"
#include "server/commands/text.h"

namespace roktcached::commands {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

boost::json::value answer(const std::vector<std::string>& outcomes) {
  boost::json::array targets;
  for (const std::string& outcome : outcomes) targets.emplace_back(boost::json::object{{"outcome", outcome}});
  return {{"targets", std::move(targets)}};
}

TEST(WarmQueue, CountsWhatHasEnded) {
  WarmQueue queue({"/a", "/b"});
  EXPECT_THAT(queue.take(), ElementsAre("/a"));
  const auto ended = queue.settle(answer({"fetched"}), 100ms);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended.front().target, "/a");
  EXPECT_THAT(queue.take(), ElementsAre("/b"));
  EXPECT_EQ(queue.settle(answer({"failed"}), 100ms).size(), 1U);
  EXPECT_TRUE(queue.finished());
  EXPECT_EQ(queue.count("fetched"), 1U);
  EXPECT_EQ(queue.not_warm(), 1U);
  EXPECT_EQ(queue.pause(), 0ms);
}

TEST(WarmQueue, WhatIsInTheCacheHoweverItCameThereIsWarm) {
  WarmQueue queue({"/a", "/b", "/c", "/d"});
  for (const char* outcome : {"fresh", "fetched", "confirmed", "not-stored"}) {
    (void)queue.take();
    (void)queue.settle(answer({outcome}), 600ms);  // so that each comes alone
  }
  EXPECT_TRUE(queue.finished());
  EXPECT_EQ(queue.not_warm(), 1U);
}

/// Below what a listener takes, whatever the targets.
TEST(WarmQueue, ARequestIsBoundedInBytes) {
  const std::string longer_than_half(9 << 10, 'a');
  const std::string too_long(20 << 10, 'b');
  WarmQueue queue({"/a", longer_than_half, longer_than_half, too_long});
  const auto settle_all = [&queue](std::size_t size) {
    (void)queue.settle(answer(std::vector<std::string>(size, "fresh")), 10ms);
  };
  EXPECT_THAT(queue.take(), ElementsAre("/a"));
  settle_all(1);
  for (const std::string& alone : {longer_than_half, longer_than_half, too_long}) {
    EXPECT_THAT(queue.take(), ElementsAre(alone)) << "though two may go";
    settle_all(1);
  }
  EXPECT_TRUE(queue.finished());
}

TEST(WarmQueue, WhatIsBusyComesAgainAtTheEnd) {
  WarmQueue queue({"/a", "/b"});
  EXPECT_THAT(queue.take(), ElementsAre("/a"));
  EXPECT_TRUE(queue.settle(answer({"busy"}), 100ms).empty());
  EXPECT_GT(queue.pause(), 0ms);
  EXPECT_EQ(queue.ended(), 0U);
  EXPECT_THAT(queue.take(), ElementsAre("/b", "/a"));
}

TEST(WarmQueue, WhatADaemonDoesNotTellOfComesAgain) {
  WarmQueue queue({"/a"});
  EXPECT_EQ(queue.take().size(), 1U);
  EXPECT_TRUE(queue.settle(boost::json::value(), 100ms).empty());
  EXPECT_FALSE(queue.finished());
}

TEST(WarmQueue, ARequestTakesAboutASecond) {
  WarmQueue queue(std::vector<std::string>(100'000, "/a"));
  std::size_t size = 0;
  for (int i = 0; i < 20; ++i) {
    size = queue.take().size();
    (void)queue.settle(answer(std::vector<std::string>(size, "fresh")), 10ms);
  }
  EXPECT_EQ(size, admin::most_warmed);
  (void)queue.take();
  (void)queue.settle(answer(std::vector<std::string>(size, "fetched")), 9s);
  EXPECT_EQ(queue.take().size(), size / 2);
}

TEST(WarmRate, IsThatOfTheLastTenSeconds) {
  WarmRate rate;
  const SteadyTime start{};
  rate.note(start, 0);
  EXPECT_EQ(rate.per_second(), 0);
  rate.note(start + 10s, 1000);
  rate.note(start + 20s, 1010);
  rate.note(start + 21s, 1011);
  EXPECT_NEAR(rate.per_second(), 1.0, 0.01);
}

TEST(WarmProgress, SaysHowFarItIsAndForHowLong) {
  const std::string text = progress_text(120, 400, 8, "budget 12 free, 0 wait");
  EXPECT_EQ(text, "[######..............] 120/400  8.0/s  ETA 35 s  budget 12 free, 0 wait");
  EXPECT_THAT(progress_text(0, 400, 0, ""), HasSubstr("ETA -"));
  EXPECT_THAT(progress_text(0, 0, 0, ""), HasSubstr("[####################] 0/0"));
  EXPECT_LE(progress_text(1'000'000, 9'000'000, 0.001, std::string(80, 'b')).size(), line_width);
}

TEST(ReadTargets, ReadsALineOfEitherKindAndSkipsWhatIsNone) {
  const std::string file =
      (std::filesystem::path(testing::TempDir()) / ("roktcached-targets-" + std::to_string(::getpid())))
          .string();
  std::ofstream(file) << "/a?b=c\r\n# none\r\n\r\n  /d \n/e";
  const auto targets = read_targets(file);
  std::filesystem::remove(file);
  ASSERT_TRUE(targets);
  EXPECT_EQ(*targets, std::vector<std::string>({"/a?b=c", "/d", "/e"}));
  EXPECT_FALSE(read_targets(file)) << "there is none any more";
}

}  // namespace
}  // namespace roktcached::commands
