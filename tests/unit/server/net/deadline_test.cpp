#include "server/net/deadline.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace roktcached {
namespace {

using namespace std::chrono_literals;

class DeadlineTest : public testing::Test {
 protected:
  void run() {
    context.restart();
    context.run();
  }

  boost::asio::io_context context{1};
  int interrupted = 0;
  Deadline deadline{context.get_executor(), [this] {
                      ++interrupted;
                      context.stop();
                    }};
};

TEST_F(DeadlineTest, InterruptsAgainAndAgainUntilItIsHeard) {
  deadline.expires_at(Deadline::now() - 1s);
  EXPECT_FALSE(deadline.expired());
  run();
  EXPECT_EQ(interrupted, 1);
  EXPECT_TRUE(deadline.expired());
  run();
  EXPECT_EQ(interrupted, 2) << "nobody was at work, perhaps";
  deadline.clear();
  run();
  EXPECT_EQ(interrupted, 2);
  EXPECT_FALSE(deadline.expired());
}

TEST_F(DeadlineTest, TheNextOneHasNotPassedYet) {
  deadline.expires_at(Deadline::now() - 1s);
  run();
  ASSERT_TRUE(deadline.expired());
  deadline.expires_after(1h);
  EXPECT_FALSE(deadline.expired());
  context.restart();
  context.poll();
  EXPECT_EQ(interrupted, 1);
}

TEST_F(DeadlineTest, OneThatIsPutOffOrTakenBackInterruptsNothing) {
  deadline.expires_at(Deadline::now() - 1s);
  deadline.clear();
  run();
  deadline.expires_at(Deadline::now() - 1s);
  deadline.expires_after(1h);
  context.restart();
  context.poll();
  EXPECT_EQ(interrupted, 0);
  EXPECT_FALSE(deadline.expired());
}

}  // namespace
}  // namespace roktcached
