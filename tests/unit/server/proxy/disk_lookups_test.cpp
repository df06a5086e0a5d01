#include "server/proxy/disk_lookups.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <future>
#include <new>
#include <optional>
#include <vector>

#include "server/asio.h"

namespace roktcached::proxy {
namespace {

using caching::Key;
using caching::StoredResponsePtr;
using namespace std::chrono_literals;

Key key(int number) {
  return Key("default /" + std::to_string(number) + " LATEST");
}

/// Reads hang from the beginning until they are released.
class DiskLookupsTest : public testing::Test {
 protected:
  ~DiskLookupsTest() override {
    release();
    threads_.join();
  }
  void use(std::chrono::milliseconds timeout) {
    lookups_.emplace(
        threads_.get_executor(), DiskLookups::Limits{.timeout = timeout, .threads = 2, .lookups = 4},
        [this](const Key&, WallTime) { return read(); }, [this](const Key&) { return version_.load(); });
  }
  /// Begins one when the context runs. @return what it finds; empty before it has ended
  const std::optional<StoredResponsePtr>& start(int number) {
    auto& found = found_.emplace_back();
    const auto one = [](DiskLookups& lookups, Key wanted,
                        std::optional<StoredResponsePtr>& result) -> asio::awaitable<void> {
      result = (co_await lookups.find(std::move(wanted), WallTime{})).response;
    };
    asio::co_spawn(context_, one(*lookups_, key(number), found), asio::detached);
    return found;
  }
  /// Begins one at once. @return as start() does
  const std::optional<StoredResponsePtr>& look_up(int number) {
    const auto& found = start(number);
    context_.poll();
    context_.restart();
    return found;
  }
  /// Runs what was started. However slow the threads are, no timeout is told before `reads` have begun: the
  /// wait for them is in the context's queue already when the first timer is set.
  void run_until_all_have_ended_after(int reads) {
    asio::post(context_, [this, reads] { wait_for_reads(reads); });
    run_until_all_have_ended();
  }
  void run_until_all_have_ended() {
    context_.run();
    context_.restart();
  }
  void wait_for_reads(int count) {
    for (int seen = reads_; seen < count; seen = reads_) reads_.wait(seen);
  }
  void release() {
    released_ = true;
    released_.notify_all();
  }

  std::atomic<int> reads_{0};
  std::atomic<bool> throws_{false};
  std::atomic<std::uint64_t> version_{1};
  asio::thread_pool threads_{2};

 private:
  Result<StoredResponsePtr> read() {
    ++reads_;
    reads_.notify_all();
    if (throws_) throw std::bad_alloc();
    released_.wait(false);
    return caching::share(caching::StoredResponse{});
  }

  std::atomic<bool> released_{false};
  std::deque<std::optional<StoredResponsePtr>> found_;
  asio::io_context context_{1};
  std::optional<DiskLookups> lookups_;
};

TEST_F(DiskLookupsTest, ThoseOfOneKeyShareAReadAndItsResponse) {
  use(1h);
  const auto& first = look_up(1);
  wait_for_reads(1);
  std::vector<const std::optional<StoredResponsePtr>*> others;
  for (int i = 0; i < 100; ++i) others.push_back(&look_up(1));
  release();
  run_until_all_have_ended();
  EXPECT_EQ(reads_, 1);
  ASSERT_TRUE(first && *first);
  for (const auto* other : others) EXPECT_EQ(*other, first);
}

TEST_F(DiskLookupsTest, WhoComesAfterAPutOrAPurgeDoesNotShareWhatBeganBefore) {
  use(1h);
  look_up(1);
  wait_for_reads(1);
  ++version_;
  const auto& later = look_up(1);
  wait_for_reads(2);
  const auto& last = look_up(1);
  release();
  run_until_all_have_ended();
  EXPECT_EQ(reads_, 2);
  EXPECT_TRUE(later && *later);
  EXPECT_EQ(later, last);
}

TEST_F(DiskLookupsTest, ADiskThatHangsIsAMissAndThenHoldsNobodyUp) {
  use(1ms);
  const auto& first = start(1);
  const auto& second = start(2);
  run_until_all_have_ended_after(2);
  EXPECT_EQ(first, std::optional<StoredResponsePtr>(nullptr));
  EXPECT_EQ(second, std::optional<StoredResponsePtr>(nullptr));
  EXPECT_EQ(look_up(3), std::optional<StoredResponsePtr>(nullptr)) << "at once";
  EXPECT_EQ(reads_, 2);
}

TEST_F(DiskLookupsTest, OneThatNobodyWaitsForAnyMoreIsNotBegun) {
  use(1ms);
  for (int number = 1; number <= 3; ++number) start(number);
  run_until_all_have_ended_after(2);
  release();
  threads_.join();
  EXPECT_EQ(reads_, 2);
}

TEST_F(DiskLookupsTest, TheirNumberIsBounded) {
  use(1h);
  std::vector<const std::optional<StoredResponsePtr>*> taken;
  for (int number = 1; number <= 4; ++number) taken.push_back(&look_up(number));
  EXPECT_EQ(look_up(5), std::optional<StoredResponsePtr>(nullptr)) << "at once";
  EXPECT_FALSE(look_up(4)) << "it shares one that waits";
  release();
  run_until_all_have_ended();
  for (const auto* one : taken) EXPECT_TRUE(*one && **one);
}

TEST_F(DiskLookupsTest, AReadThatThrowsIsAMiss) {
  use(1h);
  throws_ = true;
  const auto& first = look_up(1);
  run_until_all_have_ended();
  EXPECT_EQ(first, std::optional<StoredResponsePtr>(nullptr));
}

}  // namespace
}  // namespace roktcached::proxy
