#include "storage/sqlite/reader_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "storage/sqlite/row_selection.h"
#include "tests/unit/colliding_keys.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::response;
using namespace std::chrono_literals;

/// A pool beside the one connection that writes.
class ReaderPoolTest : public testing::Test {
 protected:
  ReaderPoolTest()
      : file_(prepare_file(folder_.file("cache.db"), [](std::string_view) {}).value()),
        connection_(open_for_writing(file_, 1'000'000).value()),
        writer_(RowWriter::prepare(connection_).value()) {}

  void put(int number, const std::string& body = "{}") {
    writer_.put(connection_, response(number, body)).value();
  }
  [[nodiscard]] bool has(int number) { return pool_.find(key(number)).value().response != nullptr; }
  [[nodiscard]] bool has_at_once(int number) {
    const auto found = pool_.find_at_once(key(number));
    return found && found->response != nullptr;
  }

  examples::Folder folder_;
  const CacheFile file_;
  Connection connection_;
  RowWriter writer_;
  ReaderPool pool_{2, 1 << 20, nullptr};
};

TEST_F(ReaderPoolTest, AClosedOneFindsNothingAndListsNothing) {
  put(1);
  const auto nothing = [this] {
    EXPECT_FALSE(has(1));
    EXPECT_FALSE(pool_.find_at_once(key(1))) << "it cannot tell";
    const auto listed = pool_.list({});
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code, ErrorCode::storage_unavailable);
    EXPECT_TRUE(listed.error().retryable);
  };
  nothing();
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has(1));
  pool_.close();
  nothing();
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has(1)) << "it may be opened again";
}

TEST_F(ReaderPoolTest, FindsWhatIsThereAndNothingElse) {
  put(1);
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has(1));
  EXPECT_FALSE(has(2));
  EXPECT_EQ(pool_.list({}).value().size(), 1U);
  EXPECT_TRUE(has_at_once(1));
  const auto absent = pool_.find_at_once(key(2));
  ASSERT_TRUE(absent) << "that nothing is there it can tell";
  EXPECT_EQ(absent->response, nullptr);
}

/// A long body would keep who must not wait.
TEST_F(ReaderPoolTest, AtOnceItReadsShortBodiesAlone) {
  put(1, std::string(short_body_max - 1, 'a'));
  put(2, std::string(short_body_max, 'a'));
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has_at_once(1));
  EXPECT_FALSE(pool_.find_at_once(key(2)));
  EXPECT_TRUE(has(2));
}

/// To take a snapshot and to give it up would cost two system calls a row.
TEST_F(ReaderPoolTest, SeesWhatIsCommittedOnceItHasMovedOn) {
  put(1);
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has(1));
  put(2);
  EXPECT_FALSE(has(2)) << "the snapshot is kept";
  pool_.move_on();
  EXPECT_TRUE(has(2));
  put(3);
  pool_.move_on();
  EXPECT_TRUE(has_at_once(3));
}

TEST_F(ReaderPoolTest, AllItsConnectionsMoveOn) {
  put(1);
  ASSERT_TRUE(pool_.open(file_));
  for (int round = 0; round < 4; ++round) EXPECT_TRUE(has(1));
  put(2);
  pool_.move_on();
  for (int round = 0; round < 4; ++round) {
    EXPECT_TRUE(has(2)) << round;
    EXPECT_TRUE(has_at_once(2)) << round;
  }
}

TEST_F(ReaderPoolTest, NobodyWaitsForFindsThatHaveEnded) {
  put(1);
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_TRUE(has(1));
  pool_.move_on();
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) pool_.wait_for_finds();
  for (int i = 0; i < 20; ++i) {
    pool_.close();
    ASSERT_TRUE(pool_.open(file_));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s) << "each would take a tenth of a second";
}

TEST_F(ReaderPoolTest, ManyThreadsShareAFewConnections) {
  for (int number = 0; number < 10; ++number) put(number);
  ASSERT_TRUE(pool_.open(file_));
  std::vector<std::future<int>> threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.push_back(std::async(std::launch::async, [this] {
      int found = 0;
      for (int number = 0; number < 200; ++number) found += has(number % 20) ? 1 : 0;
      return found;
    }));
  }
  for (int i = 0; i < 50; ++i) pool_.move_on();
  for (auto& thread : threads) EXPECT_EQ(thread.get(), 100);
  pool_.close();
  EXPECT_FALSE(has(1));
}

TEST_F(ReaderPoolTest, AKeyThatSharesAnothersHashFindsNothingOfIt) {
  const auto [one, other] = caching::colliding_keys();
  StoredResponse stored = response(1);
  stored.key = one;
  writer_.put(connection_, stored).value();
  ASSERT_TRUE(pool_.open(file_));
  EXPECT_NE(pool_.find(one).value().response, nullptr);
  EXPECT_EQ(pool_.find(other).value().response, nullptr);
}

TEST_F(ReaderPoolTest, AFileThatIsGoneCannotBeOpenedAndTheOldOnesGoOn) {
  put(1);
  ASSERT_TRUE(pool_.open(file_));
  CacheFile missing = file_;
  missing.path += ".missing";
  EXPECT_FALSE(pool_.open(missing));
  EXPECT_TRUE(has(1));
}

}  // namespace
}  // namespace roktcached::storage
