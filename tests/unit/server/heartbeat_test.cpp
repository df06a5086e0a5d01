#include "server/heartbeat.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

namespace roktcached {
namespace {

using namespace std::chrono_literals;

class HeartbeatTest : public testing::Test {
 protected:
  static void run(boost::asio::io_context& context) {
    context.restart();
    context.poll();
  }
  bool look() {
    heartbeat_.look();
    return looks_.back();
  }

  boost::asio::io_context main_;
  boost::asio::io_context one_;
  boost::asio::io_context other_;
  std::vector<bool> looks_;
  Heartbeat heartbeat_{
      main_.get_executor(), {one_.get_executor(), other_.get_executor()}, 1h, [this](bool all_move) {
        looks_.push_back(all_move);
      }};
};

TEST_F(HeartbeatTest, ThreadsThatMoveAreSeenToMove) {
  EXPECT_TRUE(look()) << "nothing is known against them yet";
  for (int i = 0; i < 3; ++i) {
    run(one_);
    run(other_);
    EXPECT_TRUE(look());
  }
}

TEST_F(HeartbeatTest, OneThatHangsIsSeenUntilItMovesAgain) {
  EXPECT_TRUE(look());
  run(one_);
  EXPECT_FALSE(look());
  run(one_);
  EXPECT_FALSE(look()) << "the other's moving helps nothing";
  EXPECT_EQ(other_.poll(), 1U) << "and it was asked once, however often it was looked at";
  EXPECT_FALSE(look()) << "the first has had nothing to answer since";
  run(one_);
  run(other_);
  EXPECT_TRUE(look());
}

TEST_F(HeartbeatTest, LooksAtOnceAndNoMoreOnceItIsStopped) {
  heartbeat_.start();
  EXPECT_EQ(looks_.size(), 1U);
  heartbeat_.stop();
  run(main_);
  EXPECT_EQ(looks_.size(), 1U);
  EXPECT_TRUE(main_.stopped()) << "nothing keeps its thread";
}

}  // namespace
}  // namespace roktcached
