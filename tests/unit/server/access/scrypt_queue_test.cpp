#include "server/access/scrypt_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::access {
namespace {

/// Three clients, whose buckets are 0 to 2. Each secret that waits is named by one letter.
class ScryptQueueTest : public testing::Test {
 protected:
  [[nodiscard]] bool push(ScryptQueue::Bucket bucket, char name) {
    Digest shown = {};
    shown.front() = static_cast<unsigned char>(name);
    return queue.push(bucket, shown);
  }
  /// The names that fit, of those that come.
  std::string push_all(ScryptQueue::Bucket bucket, std::string_view names) {
    std::string taken;
    for (const char name : names) {
      if (push(bucket, name)) taken += name;
    }
    return taken;
  }
  /// Has the next scrypt. '-' where nothing waits.
  char serve() {
    const auto next = queue.next();
    return next ? static_cast<char>(next->front()) : '-';
  }
  /// Serves until nothing waits, one scrypt each. Tells in which order.
  std::string serve_all() {
    std::string order;
    for (char name = serve(); name != '-'; name = serve()) {
      order += name;
      queue.done();
    }
    return order;
  }

  ScryptQueue queue{3};
};

TEST_F(ScryptQueueTest, NothingWaitsAtFirst) {
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST_F(ScryptQueueTest, TheFirstOfAClientGoesFirst) {
  push_all(1, "abc");
  EXPECT_EQ(serve_all(), "abc");
}

TEST_F(ScryptQueueTest, ClientsTakeTurns) {
  push_all(0, "aaaa");
  push_all(1, "bb");
  push_all(2, "c");
  EXPECT_EQ(serve_all(), "abcabaa");
}

TEST_F(ScryptQueueTest, WhoComesLateWaitsOneTurnOfEachOther) {
  push_all(0, "aaaa");
  push_all(2, "cccc");
  EXPECT_EQ(serve(), 'a');
  queue.done();
  push_all(1, "b");
  EXPECT_EQ(serve(), 'b');
}

TEST_F(ScryptQueueTest, EachBucketIsFullByItself) {
  EXPECT_EQ(push_all(0, "abcdef"), "abcd");
  EXPECT_EQ(push_all(1, "abcdef"), "abcd");
  EXPECT_EQ(push_all(queue.nobody(), "abcdef"), "abcd");
  EXPECT_EQ(push_all(queue.bare_keys(), "abcdefghijklmnopqrst"), "abcdefghijklmnop");
  EXPECT_TRUE(push(2, 'a'));
}

TEST_F(ScryptQueueTest, WhatIsAtHandKeepsItsPlace) {
  EXPECT_EQ(push_all(0, "abcd"), "abcd");
  EXPECT_EQ(serve(), 'a');
  EXPECT_FALSE(push(0, 'e'));
  queue.done();
  EXPECT_TRUE(push(0, 'e'));
}

TEST_F(ScryptQueueTest, ClientsThenNobodysThenBareKeys) {
  push_all(queue.bare_keys(), "k");
  push_all(queue.nobody(), "n");
  push_all(2, "cc");
  EXPECT_EQ(serve_all(), "ccnk");
}

TEST_F(ScryptQueueTest, ABareKeyGivesWayBetweenItsScrypts) {
  push_all(queue.bare_keys(), "kl");
  EXPECT_EQ(serve(), 'k');
  EXPECT_EQ(serve(), 'k') << "not done: the same again";
  push_all(1, "b");
  EXPECT_EQ(serve(), 'b');
  queue.done();
  EXPECT_EQ(serve(), 'k') << "b was done, not k";
  queue.done();
  EXPECT_EQ(serve(), 'l');
}

TEST_F(ScryptQueueTest, NobodyWaitsForEver) {
  push_all(queue.bare_keys(), "kkkk");
  push_all(queue.nobody(), "nnnn");
  std::string order;
  for (int i = 0; i < 16; ++i) {
    push_all(0, "aaaa");  // one client asks again and again
    order += serve();
    queue.done();
  }
  EXPECT_EQ(order, "aaaaknaaakanaaka");
}

TEST_F(ScryptQueueTest, NobodysNamesDoNotKeepABareKeyForEver) {
  push_all(queue.bare_keys(), "k");
  std::string order;
  for (int i = 0; i < 6; ++i) {
    push_all(queue.nobody(), "nnnn");
    order += serve();
    queue.done();
  }
  EXPECT_EQ(order, "nnnnkn");
}

TEST_F(ScryptQueueTest, WhoComesToAnEmptyBucketIsNotOverdueAlready) {
  for (int i = 0; i < 10; ++i) {
    push_all(0, "a");
    EXPECT_EQ(serve_all(), "a");
  }
  push_all(queue.bare_keys(), "k");
  push_all(0, "a");
  EXPECT_EQ(serve_all(), "ak");
}

TEST(ScryptQueue, WithoutClientsNobodysNamesStillGoBeforeBareKeys) {
  ScryptQueue queue(0);
  EXPECT_TRUE(queue.push(queue.bare_keys(), Digest{'k'}));
  EXPECT_TRUE(queue.push(queue.nobody(), Digest{'n'}));
  EXPECT_EQ(queue.next(), Digest{'n'});
  queue.done();
  EXPECT_EQ(queue.next(), Digest{'k'});
  queue.done();
  EXPECT_EQ(queue.next(), std::nullopt);
}

}  // namespace
}  // namespace roktcached::access
