#include "server/log_limit.h"

#include <gtest/gtest.h>

#include <string>

#include "server/log_event.h"

namespace roktcached {
namespace {

using namespace std::chrono_literals;

class LogLimitTest : public testing::Test {
 protected:
  bool admit(const std::string& payload, spdlog::level::level_enum level = spdlog::level::warn) {
    return limit_.admit({now_, spdlog::source_loc(), "", level, payload});
  }
  static std::string event(const std::string& name, const std::string& sentence) {
    std::string line = LogEvent::begin + sentence;
    return line + LogEvent::separator + name;
  }

  spdlog::log_clock::time_point now_{std::chrono::hours(1)};
  LogLimit limit_;
};

TEST_F(LogLimitTest, OfLinesThatDifferInDigitsOnlySoManyAreLoggedAndTheOthersCounted) {
  EXPECT_TRUE(limit_.ended(now_).empty());
  for (std::size_t i = 0; i < LogLimit::lines_max; ++i)
    EXPECT_TRUE(admit("failed " + std::to_string(i))) << i;
  for (int i = 100; i < 107; ++i) EXPECT_FALSE(admit("failed " + std::to_string(i)));
  EXPECT_TRUE(admit("something else"));
  now_ += LogLimit::window - 1ms;
  EXPECT_TRUE(limit_.ended(now_).empty()) << "it is still the same window";
  now_ += 1ms;
  const auto held_back = limit_.ended(now_);
  ASSERT_EQ(held_back.size(), 1U);
  EXPECT_EQ(held_back[0].lines, 7U);
  EXPECT_EQ(held_back[0].beginning, "failed 100");
  EXPECT_TRUE(admit("failed 1")) << "a window later";
  EXPECT_TRUE(limit_.ended(now_).empty()) << "it is said once";
}

TEST_F(LogLimitTest, AnEventIsKnownByItsName) {
  for (std::size_t i = 0; i < LogLimit::lines_max; ++i)
    EXPECT_TRUE(admit(event("not-json", "key " + std::string(i + 1, 'a'))));
  EXPECT_FALSE(admit(event("not-json", "another")));
  EXPECT_TRUE(admit(event("other", "another")));
}

TEST_F(LogLimitTest, WhatIsNotEvenAWarningIsNeverHeldBack) {
  for (const auto level : {spdlog::level::debug, spdlog::level::info}) {
    for (std::size_t i = 0; i < 3 * LogLimit::lines_max; ++i) EXPECT_TRUE(admit("line", level));
  }
  for (std::size_t i = 0; i < LogLimit::lines_max; ++i) EXPECT_TRUE(admit("line", spdlog::level::err));
  EXPECT_FALSE(admit("line", spdlog::level::err));
}

TEST_F(LogLimitTest, ItsMemoryIsBounded) {
  for (char first = 'a'; first <= 'z'; ++first) {
    for (char second = 'a'; second <= 'z'; ++second) {
      for (std::size_t i = 0; i < LogLimit::lines_max; ++i) EXPECT_TRUE(admit({first, second}));
    }
  }
}

TEST_F(LogLimitTest, AClockThatIsSetBackEndsTheWindow) {
  EXPECT_TRUE(limit_.ended(now_).empty());
  for (std::size_t i = 0; i <= LogLimit::lines_max; ++i) (void)admit("line");
  now_ -= 30min;
  EXPECT_EQ(limit_.ended(now_).size(), 1U);
}

}  // namespace
}  // namespace roktcached
