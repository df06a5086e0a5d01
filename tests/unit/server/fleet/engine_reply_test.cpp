#include "server/fleet/engine_reply.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace roktcached::fleet {
namespace {

constexpr std::size_t max_reply = std::size_t{1} << 20;

/// The replies in `octets`, and whether there was anything wrong with them.
struct ReadReplies {
  std::vector<EngineReply> replies;
  bool wrong = false;
};

ReadReplies replies_in(std::string_view octets, std::size_t piece = std::string_view::npos,
                       std::size_t most = max_reply) {
  EngineReplies reader(most);
  ReadReplies read;
  while (!octets.empty() && !read.wrong) {
    const std::string_view fed = octets.substr(0, piece);
    octets.remove_prefix(fed.size());
    read.wrong = !reader.feed(fed);
    while (!read.wrong) {
      auto reply = reader.next();
      read.wrong = !reply;
      if (!reply || !*reply) break;
      read.replies.push_back(std::move(**reply));
    }
  }
  return read;
}

constexpr std::string_view one_of_each =
    "*7\r\n$6\r\nland\r\n\r\n:-7\r\n$-1\r\n+OK\r\n-OOM full\r\n*2\r\n*0\r\n$0\r\n\r\n*-1\r\n";

void expect_one_of_each(const EngineReply& reply) {
  using Kind = EngineReply::Kind;
  ASSERT_EQ(reply.kind, Kind::list);
  ASSERT_EQ(reply.items.size(), 7U);
  EXPECT_EQ(reply.text_at(0), "land\r\n");
  EXPECT_EQ(reply.number_at(1), -7);
  EXPECT_EQ(reply.text_at(1), "-7") << "an integer as its digits";
  EXPECT_EQ(reply.items[2].kind, Kind::nil);
  EXPECT_EQ(reply.items[3].kind, Kind::status);
  EXPECT_TRUE(reply.items[4].is_error("OOM"));
  ASSERT_EQ(reply.items[5].items.size(), 2U);
  EXPECT_EQ(reply.items[5].items[0].kind, Kind::list);
  EXPECT_EQ(reply.items[5].items[1].kind, Kind::text);
  EXPECT_EQ(reply.items[6].kind, Kind::nil);
}

TEST(EngineReplyTest, EveryKindIsReadWhateverThePiecesAre) {
  const std::string three = std::string(one_of_each) + ":5\r\n" + std::string(one_of_each);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, three.size()}) {
    const ReadReplies read = replies_in(three, piece);
    ASSERT_FALSE(read.wrong) << piece;
    ASSERT_EQ(read.replies.size(), 3U) << piece;
    expect_one_of_each(read.replies[0]);
    EXPECT_EQ(read.replies[1].integer, 5);
    expect_one_of_each(read.replies[2]);
  }
}

TEST(EngineReplyTest, NumbersAreBoundedAndWhatIsNoneIsZero) {
  const ReadReplies read = replies_in(
      "*9\r\n:9223372036854775807\r\n:-9223372036854775808\r\n$3\r\nnan\r\n$3\r\ninf\r\n$5\r\n1e999\r\n$4\r\n"
      "0.25\r\n$2\r\nxy\r\n*0\r\n$20\r\n99999999999999999999\r\n");
  ASSERT_EQ(read.replies.size(), 1U);
  const EngineReply& reply = read.replies[0];
  constexpr std::int64_t largest = std::int64_t{1} << 53;
  EXPECT_EQ(reply.number_at(0), largest);
  EXPECT_EQ(reply.number_at(1), -largest);
  for (const std::size_t index : {2U, 3U, 4U, 6U, 7U, 99U}) EXPECT_EQ(reply.real_at(index), 0) << index;
  EXPECT_EQ(reply.real_at(5), 0.25);
  for (const std::size_t index : {6U, 7U, 8U, 99U}) EXPECT_EQ(reply.number_at(index), 0) << index;
  using std::chrono::milliseconds;
  EXPECT_EQ(reply.length_at(0, milliseconds{2000}), milliseconds{2000});
  EXPECT_EQ(reply.length_at(1, milliseconds{2000}), milliseconds{0});
  EXPECT_EQ(reply.text_at(99), "");
}

TEST(EngineReplyTest, WhatIsNoReplyIsRefused) {
  for (const std::string rubbish :
       {"HTTP/1.1 200 OK\r\n", "?\r\n", ":x\r\n", "$-2\r\n", "*-2\r\n", "$x\r\n\r\n", "*2147483648\r\n",
        "*99999999999999999999\r\n", "$99999999999999999999\r\n", "%1\r\n+a\r\n+b\r\n"}) {
    EXPECT_TRUE(replies_in(rubbish).wrong) << rubbish;
    EXPECT_TRUE(replies_in(rubbish, 1).wrong) << rubbish;
  }
}

/// A length is announced in a few octets: nothing is taken for it before it comes.
TEST(EngineReplyTest, AHugeLengthIsWaitedForAndCutOffAtTheMost) {
  EngineReplies reader(max_reply);
  ASSERT_TRUE(reader.feed("$2147483647\r\n"));
  const auto none = reader.next();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  const std::string piece(max_reply / 4, 'x');
  int taken = 0;
  while (taken < 10 && reader.feed(piece)) {
    ++taken;
    ASSERT_TRUE(reader.next());
  }
  EXPECT_EQ(taken, 3) << "the fourth is beyond the most";
}

TEST(EngineReplyTest, TheMostIsOfOneReplyAndNotOfAConnection) {
  EngineReplies reader(1000);
  const std::string reply = "$900\r\n" + std::string(900, 'x') + "\r\n";
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(reader.feed(reply));
    const auto read = reader.next();
    ASSERT_TRUE(read && *read) << i;
  }
  EXPECT_TRUE(replies_in("$1000\r\n" + std::string(1000, 'x') + "\r\n", 100, 1000).wrong);
}

/// Four octets make an element that takes many more.
TEST(EngineReplyTest, ElementsCountAsWhatTheyTake) {
  const auto list_of = [](std::size_t elements) {
    std::string octets = "*" + std::to_string(elements) + "\r\n";
    for (std::size_t i = 0; i < elements; ++i) octets += "*0\r\n";
    return octets;
  };
  constexpr std::size_t most = max_reply / sizeof(EngineReply);
  EXPECT_FALSE(replies_in(list_of(most)).wrong);
  EXPECT_TRUE(replies_in(list_of(most + 1)).wrong);
  EXPECT_TRUE(replies_in("*2147483647\r\n").wrong) << "before any of them has come";
  std::string lists = "*10\r\n";
  for (int i = 0; i < 10; ++i) lists += list_of(most / 5);
  EXPECT_TRUE(replies_in(lists).wrong) << "all lists of a reply together";
  const std::string half = list_of(most / 2);
  EXPECT_FALSE(replies_in(half + half + half + half).wrong) << "and not those of several";
}

TEST(EngineReplyTest, ListsInListsAreReadOrRefused) {
  for (int depth = 1; depth < 200; ++depth) {
    std::string octets;
    for (int i = 0; i < depth; ++i) octets += "*1\r\n";
    const ReadReplies read = replies_in(octets + ":1\r\n");
    EXPECT_NE(read.wrong, read.replies.size() == 1) << depth;
    if (depth > 20) {
      EXPECT_TRUE(read.wrong) << depth;
    }
  }
}

/// Never more than was sent, nor anything that it is not: the sanitizers look on.
TEST(EngineReplyTest, MutatedRepliesAreReadOrRefused) {
  std::minstd_rand random(7);
  const std::string plain = std::string(one_of_each) + "*2\r\n$3\r\nabc\r\n:1\r\n+fine\r\n$-1\r\n";
  constexpr std::string_view likely = "*$:+-0123456789\r\n";
  int refused = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string octets = plain;
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % octets.size();
      switch (random() % 4) {
        case 0:
          octets[at] = static_cast<char>(random());
          break;
        case 1:
          octets[at] = likely[random() % likely.size()];
          break;
        case 2:
          octets.erase(at, 1 + random() % 3);
          break;
        default:
          octets.insert(at, 1 + random() % 3, likely[random() % likely.size()]);
      }
    }
    const ReadReplies read = replies_in(octets, 1 + random() % octets.size());
    refused += read.wrong ? 1 : 0;
    std::size_t text = 0;
    for (const EngineReply& reply : read.replies) {
      text += reply.text.size();
      for (const EngineReply& item : reply.items) text += item.text.size();
    }
    ASSERT_LE(text, octets.size() * 2) << round;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 99'000);
}

TEST(EngineReplyTest, ACommandIsReadAsItWasWritten) {
  const std::string nul("\0\r\n", 3);
  const ReadReplies read = replies_in(engine_command({"SET", "", nul, "*1\r\n"}));
  ASSERT_EQ(read.replies.size(), 1U);
  ASSERT_EQ(read.replies[0].items.size(), 4U);
  EXPECT_EQ(read.replies[0].text_at(1), "");
  EXPECT_EQ(read.replies[0].text_at(2), nul);
  EXPECT_EQ(read.replies[0].text_at(3), "*1\r\n");
}

}  // namespace
}  // namespace roktcached::fleet
