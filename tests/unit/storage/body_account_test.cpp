#include "storage/body_account.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/caching/stored_response.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using Growing = BodyAccount::Growing;
using Room = BodyAccount::Room;

class BodyAccountTest : public testing::Test {
 protected:
  [[nodiscard]] std::uint64_t all() const { return account.read().all; }

  BodyAccount account{1000};
};

TEST_F(BodyAccountTest, CountsABodyOnceForAsLongAsAnybodyHoldsIt) {
  auto body = Growing(account).share(std::string(300, 'x'));
  EXPECT_EQ(all(), 300U);
  auto other = body;
  caching::StoredResponse holder;
  holder.body = body;
  EXPECT_EQ(all(), 300U);
  body.reset();
  other.reset();
  EXPECT_EQ(all(), 300U);
}

TEST_F(BodyAccountTest, CountsShortAndLongOnesAlike) {
  for (const std::size_t size : {std::size_t{1}, caching::short_body_max, caching::short_body_max + 1}) {
    const std::string text = examples::noise(size, 1);
    const auto body = Growing(account).share(text);
    EXPECT_EQ(*body, text);
    EXPECT_EQ(all(), size);
  }
  EXPECT_EQ(all(), 0U);
}

TEST_F(BodyAccountTest, ForgetsABodyThatNobodyHolds) {
  auto body = Growing(account).share(std::string(300, 'x'));
  const auto kept = Growing(account).share(std::string(20, 'y'));
  body.reset();
  EXPECT_EQ(all(), 20U);
  EXPECT_EQ(*kept, std::string(20, 'y'));
}

TEST_F(BodyAccountTest, CountsNothingOfABodyWithoutBytes) {
  EXPECT_EQ(Growing(account).share(""), caching::no_body());
  EXPECT_EQ(all(), 0U);
}

TEST_F(BodyAccountTest, SharesABodyWithoutTheRoomThatItGrewInto) {
  for (const std::size_t size : {std::size_t{500}, 2 * caching::short_body_max}) {
    std::string text(size, 'x');
    text.reserve(2 * size);
    const auto body = Growing(account).share(std::move(text));
    EXPECT_EQ(*body, std::string(size, 'x'));
    EXPECT_LE(body->memory_size(), size + 128);
  }
}

TEST_F(BodyAccountTest, CountsWhatGrowsWhileItLives) {
  {
    Growing growing(account);
    EXPECT_TRUE(growing.add(600));
    EXPECT_TRUE(growing.add(100));
    growing.remove(200);
    EXPECT_EQ(growing.bytes(), 500U);
    EXPECT_EQ(account.read().growing, 500U);
    EXPECT_EQ(all(), 500U);
  }
  EXPECT_EQ(all(), 0U);
  EXPECT_EQ(account.read().growing, 0U);
}

TEST_F(BodyAccountTest, GrowsUpToItsBoundAndNotBeyond) {
  Growing growing(account);
  EXPECT_TRUE(growing.add(1000));
  EXPECT_FALSE(growing.add(1));
  EXPECT_EQ(growing.bytes(), 1000U);
  EXPECT_EQ(all(), 1000U);
  EXPECT_EQ(account.read().refused, 1U);
}

TEST_F(BodyAccountTest, TurnsWhatHasGrownIntoABodyAndCountsItOnce) {
  Growing growing(account);
  ASSERT_TRUE(growing.add(1000));  // more than it has become
  const auto body = growing.share(std::string(300, 'x'));
  EXPECT_EQ(all(), 300U);
  EXPECT_EQ(account.read().growing, 0U);
  EXPECT_EQ(growing.bytes(), 0U);
}

TEST_F(BodyAccountTest, CountsABodyThatIsLargerThanWhatWasAdded) {
  Growing growing(account);
  ASSERT_TRUE(growing.add(10));
  const auto body = growing.share(std::string(2000, 'x'));  // it is here, whatever the bound
  EXPECT_EQ(all(), 2000U);
}

TEST_F(BodyAccountTest, MovesWhatGrows) {
  Growing from(account);
  ASSERT_TRUE(from.add(100));
  Growing to(std::move(from));
  Growing other(account);
  ASSERT_TRUE(other.add(30));
  other = std::move(to);
  EXPECT_EQ(other.bytes(), 100U);
  EXPECT_EQ(all(), 100U);
}

TEST_F(BodyAccountTest, ThatNobodyKeepsCountsNothing) {
  Growing growing;
  EXPECT_TRUE(growing.add(5000));
  EXPECT_EQ(*growing.share("text"), "text");
}

/// An account with a file for what is long.
class BodyAccountWithAFile : public testing::Test {
 protected:
  static constexpr std::size_t size = BodyAccount::worth_a_file;

  MemoryFile file;
  BodyAccount account{3 * size, &file};
};

TEST_F(BodyAccountWithAFile, KeepsALongBodyThereAndCountsItOnce) {
  const std::string text = examples::noise(size, 1);
  auto growing = Growing(account);
  ASSERT_TRUE(growing.add(size));
  auto body = growing.keep(text);
  ASSERT_NE(body->place(), nullptr);
  EXPECT_EQ(body->place()->descriptor, file.descriptor());
  EXPECT_TRUE(*body == text);
  EXPECT_GE(body->memory_size(), size);
  EXPECT_LE(body->memory_size(), size + 128);
  EXPECT_EQ(account.read().all, size);
  EXPECT_EQ(account.read().growing, 0U);
  body.reset();
  EXPECT_EQ(account.read().all, 0U);
}

TEST_F(BodyAccountWithAFile, KeepsElsewhereWhatIsShortOrIsOnlyShared) {
  const auto is_in_file = [](const BodyAccount::Body& body) { return body->place() != nullptr; };
  EXPECT_FALSE(is_in_file(Growing(account).keep(std::string(size - 1, 'x'))));
  EXPECT_FALSE(is_in_file(Growing(account).share(std::string(size, 'x'))));
  BodyAccount without(3 * size);
  EXPECT_FALSE(is_in_file(Growing(without).keep(std::string(size, 'x'))));
  EXPECT_FALSE(is_in_file(Growing().keep(std::string(size, 'x'))));
}

TEST_F(BodyAccountWithAFile, KeepsABodyElsewhereThatHasNoRoomTwice) {
  const std::string text = examples::noise(2 * size, 1);
  Growing growing(account);
  ASSERT_TRUE(growing.add(text.size()));
  const auto body = growing.keep(text);
  EXPECT_EQ(body->place(), nullptr);
  EXPECT_TRUE(*body == text);
  EXPECT_EQ(account.read().all, text.size());
  EXPECT_EQ(account.read().refused, 0U);
}

TEST_F(BodyAccountTest, AsksForRoomWhereThereIsNone) {
  auto slow = Growing(account).share(std::string(900, 'x'));
  int asked = 0;
  account.when_short([&] {
    ++asked;
    const bool gives_way = slow != nullptr;
    slow.reset();
    return gives_way;
  });
  Growing growing(account);
  EXPECT_EQ(growing.ask(50), Room::there);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(growing.ask(500), Room::soon);
  EXPECT_EQ(growing.ask(500), Room::there);
  EXPECT_EQ(growing.ask(500), Room::none);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(account.read().refused, 1U);
}

TEST_F(BodyAccountTest, AsksNobodyForWhatCanBeDoneWithout) {
  account.when_short([] {
    ADD_FAILURE() << "somebody is asked";
    return true;
  });
  Growing growing(account);
  EXPECT_FALSE(growing.try_add(1001));
  EXPECT_EQ(account.read().refused, 0U);
}

TEST_F(BodyAccountTest, IsExactWhereManyThreadsUseIt) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int n = 0; n < 2000; ++n) {
        Growing growing(account);
        if (growing.add(300)) static_cast<void>(growing.share(std::string(200, 'x')));
        EXPECT_LE(account.read().growing, 4000U);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all(), 0U);
  EXPECT_EQ(account.read().growing, 0U);
}

}  // namespace
}  // namespace roktcached::storage
