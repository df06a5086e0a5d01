#include "server/reloads.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/unit/server/fake_clock.h"

namespace roktcached {
namespace {

using namespace std::chrono_literals;

class ReloadsTest : public testing::Test {
 protected:
  /// Asks as POST /reload does; the result comes into what is returned.
  std::shared_ptr<std::optional<ReloadResult>> ask() {
    auto result = std::make_shared<std::optional<ReloadResult>>();
    boost::asio::co_spawn(context, reloads.reload(),
                          [result](const std::exception_ptr& failure, ReloadResult came) {
                            EXPECT_FALSE(failure);
                            *result = std::move(came);
                          });
    run();
    return result;
  }
  void run() {
    context.restart();
    context.poll();
  }
  void end(ReloadResult result) {
    const Reloads::Done done = std::move(under_way.front());
    under_way.erase(under_way.begin());
    done(std::move(result));
    run();
  }

  FakeClock clock;
  boost::asio::io_context context{1};
  std::vector<Reloads::Done> under_way;
  int begun = 0;
  Reloads reloads{context.get_executor(),
                  [this](Reloads::Done done) {
                    ++begun;
                    under_way.push_back(std::move(done));
                  },
                  clock};
};

TEST_F(ReloadsTest, TellWhoWaitsWhatHasComeOfIt) {
  const auto asked = ask();
  EXPECT_FALSE(*asked);
  end({.error = {}, .changed = {"a.b"}, .needs_restart = {"c.d"}});
  ASSERT_TRUE(*asked);
  EXPECT_TRUE((*asked)->succeeded());
  EXPECT_EQ((*asked)->changed, std::vector<std::string>{"a.b"});
  EXPECT_EQ(reloads.status().needs_restart, std::vector<std::string>{"c.d"});
}

/// The file may have been changed after it was read.
TEST_F(ReloadsTest, AskedForMeanwhileAreMadeOnceAfterThat) {
  const auto first = ask();
  const auto second = ask();
  reloads.request();
  const auto third = ask();
  EXPECT_EQ(begun, 1);
  end({.error = "wrong"});
  EXPECT_EQ((*first)->error, "wrong");
  EXPECT_FALSE(*second);
  EXPECT_EQ(begun, 2);
  end({});
  EXPECT_TRUE((*second)->succeeded());
  EXPECT_TRUE((*third)->succeeded());
  EXPECT_EQ(begun, 2);
}

TEST_F(ReloadsTest, AreCountedAndTheLastErrorIsKeptUntilOneSucceeds) {
  const WallTime started = reloads.status().last_success;
  EXPECT_EQ(started, clock.wall) << "the start has read them";
  clock.advance(1s);
  reloads.request();
  end({.error = "wrong"});
  EXPECT_EQ(reloads.status().failed, 1U);
  EXPECT_EQ(reloads.status().last_error, "wrong");
  EXPECT_EQ(reloads.status().last_success, started);
  clock.advance(1s);
  reloads.request();
  end({.error = {}});
  EXPECT_EQ(reloads.status().succeeded, 1U);
  EXPECT_EQ(reloads.status().last_error, "");
  EXPECT_EQ(reloads.status().last_success, clock.wall);
}

TEST_F(ReloadsTest, ThatCannotBeginAreOverAtOnce) {
  Reloads failing(
      context.get_executor(), [](const Reloads::Done&) { throw std::bad_alloc(); }, clock);
  failing.request();
  EXPECT_EQ(failing.status().failed, 1U);
  failing.request();
  EXPECT_EQ(failing.status().failed, 2U) << "and the next one begins";
}

}  // namespace
}  // namespace roktcached
