#include "server/upstream/growing_answer.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <optional>
#include <string>

#include "server/asio.h"

namespace roktcached::upstream {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

class GrowingAnswerTest : public testing::Test {
 protected:
  using Keep = GrowingAnswer::Keep;

  void run() {
    context.restart();
    context.poll();
  }
  std::shared_ptr<GrowingAnswer> make(std::uint64_t bound, Keep keep = Keep::whole) {
    return GrowingAnswer::make(context.get_executor(), bodies, {bound, patience, 0}, keep);
  }
  /// @return what append() has said, or nothing while it waits
  std::shared_ptr<std::optional<bool>> append(const std::shared_ptr<GrowingAnswer>& answer,
                                              std::string piece) {
    auto wanted = std::make_shared<std::optional<bool>>();
    boost::asio::co_spawn(
        context,
        [answer, wanted, piece = std::move(piece)]() mutable -> boost::asio::awaitable<void> {
          *wanted = co_await answer->append(std::move(piece));
        },
        boost::asio::detached);
    run();
    return wanted;
  }
  /// The next piece for a reader, or nothing while it waits.
  std::shared_ptr<std::optional<GrowingAnswer::Piece>> read(const GrowingAnswer::ReaderPtr& reader) {
    auto piece = std::make_shared<std::optional<GrowingAnswer::Piece>>();
    boost::asio::co_spawn(
        context, [reader, piece]() -> boost::asio::awaitable<void> { *piece = co_await reader->read(); },
        boost::asio::detached);
    run();
    return piece;
  }
  std::string bytes(const GrowingAnswer::ReaderPtr& reader) {
    const auto piece = read(reader);
    if (!*piece) return "(waits)";
    const auto* const content = std::get_if<ContentBytes>(&**piece);
    return content != nullptr ? std::string(content->bytes) : "(no content)";
  }
  std::optional<Error> error_at_end(const GrowingAnswer::ReaderPtr& reader) {
    const auto piece = read(reader);
    const auto* const end = *piece ? std::get_if<AnswerEnd>(&**piece) : nullptr;
    EXPECT_NE(end, nullptr);
    return end != nullptr ? end->error : std::nullopt;
  }
  void begin(const std::shared_ptr<GrowingAnswer>& answer) {
    answer->begin({.status = 200, .fields = {}, .length = {}});
  }
  void expect_head(const GrowingAnswer::ReaderPtr& reader) {
    const auto piece = read(reader);
    ASSERT_TRUE(*piece);
    EXPECT_TRUE(std::holds_alternative<AnswerHead>(**piece));
  }

  boost::asio::io_context context{1};
  storage::BodyAccount bodies{64 * mib};
  std::chrono::milliseconds patience{0};
};

TEST_F(GrowingAnswerTest, EveryReaderReadsAllOfItWheneverItComes) {
  const auto answer = make(mib);
  const auto first = answer->attach();
  answer->add_interim({103, {}});
  begin(answer);
  const auto second = answer->attach();
  EXPECT_TRUE(**append(answer, "one "));
  EXPECT_TRUE(std::holds_alternative<InterimAnswer>(**read(first)));
  expect_head(first);
  expect_head(second);
  EXPECT_EQ(bytes(first), "one ");
  const auto waits = read(first);
  EXPECT_FALSE(*waits);
  EXPECT_TRUE(**append(answer, "two"));
  ASSERT_TRUE(*waits);
  EXPECT_EQ(std::get<ContentBytes>(**waits).bytes, "two");
  const auto third = answer->attach();
  answer->end(std::nullopt);
  EXPECT_TRUE(answer->is_whole());
  EXPECT_EQ(answer->content(), "one two");
  EXPECT_EQ(bytes(second), "one ");
  answer->settle(caching::share_body("one two"));
  EXPECT_EQ(bytes(second), "two") << "the rest of what it has become";
  expect_head(third);
  EXPECT_EQ(bytes(third), "one two");
  for (const auto& reader : {first, second, third}) EXPECT_FALSE(error_at_end(reader));
}

TEST_F(GrowingAnswerTest, WhoReadsNothingHoldsNobody) {
  const auto answer = make(mib);
  const auto idle = answer->attach();
  const auto fast = answer->attach();
  begin(answer);
  expect_head(fast);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(**append(answer, std::string(mib / 4, 'x')));
    EXPECT_EQ(bytes(fast).size(), mib / 4);
  }
  EXPECT_TRUE(answer->is_whole());
  // Beyond the bound its beginning is dropped, and who has not read that cannot go on.
  for (int i = 0; i < 80; ++i) {
    ASSERT_EQ(*append(answer, std::string(mib / 8, 'x')), std::optional(true));
    EXPECT_EQ(bytes(fast).size(), mib / 8);
  }
  EXPECT_FALSE(answer->is_whole());
  EXPECT_EQ(answer->attach(), nullptr) << "who comes now would not get the beginning";
  expect_head(idle);
  EXPECT_EQ(error_at_end(idle)->code, ErrorCode::overloaded);
  answer->end(std::nullopt);
  EXPECT_FALSE(error_at_end(fast));
}

TEST_F(GrowingAnswerTest, WhoHasFallenBehindIsWaitedForAMoment) {
  patience = std::chrono::hours{1};
  const auto answer = make(mib);
  const auto slow = answer->attach();
  const auto fast = answer->attach();
  begin(answer);
  expect_head(slow);
  expect_head(fast);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(**append(answer, std::string(mib / 4, 'x')));
    EXPECT_EQ(bytes(fast).size(), mib / 4);
  }
  const auto waits = append(answer, std::string(mib / 4, 'x'));
  EXPECT_EQ(bytes(fast).size(), mib / 4);
  EXPECT_FALSE(*waits);
  EXPECT_EQ(bytes(slow).size(), mib / 4);
  ASSERT_TRUE(*waits);
  EXPECT_TRUE(**waits);
  EXPECT_EQ(bytes(slow).size(), mib / 4) << "nothing was lost for it";
}

TEST_F(GrowingAnswerTest, BeyondTheBoundItGoesAtThePaceOfTheFastest) {
  const auto answer = make(mib, Keep::part);
  const auto slow = answer->attach();
  const auto fast = answer->attach();
  begin(answer);
  expect_head(slow);
  expect_head(fast);
  const auto waits = append(answer, std::string(mib / 2, 'x'));
  EXPECT_FALSE(*waits) << "nobody has read enough";
  EXPECT_EQ(bytes(fast).size(), mib / 2);
  EXPECT_TRUE(*waits);
  EXPECT_TRUE(**waits);
  EXPECT_EQ(bytes(slow).size(), mib / 2);
}

TEST_F(GrowingAnswerTest, BeyondTheBoundNobodyWantsWhatNobodyReads) {
  const auto answer = make(mib, Keep::part);
  auto reader = answer->attach();
  int unread = 0;
  answer->when_unread([&] { ++unread; });
  begin(answer);
  const auto waits = append(answer, std::string(mib, 'x'));
  EXPECT_FALSE(*waits);
  reader.reset();
  run();
  EXPECT_EQ(unread, 1);
  ASSERT_TRUE(*waits);
  EXPECT_FALSE(**waits);
  EXPECT_FALSE(**append(answer, "more"));
}

TEST_F(GrowingAnswerTest, WhatIsKeptWholeGoesOnWithoutReaders) {
  const auto answer = make(mib);
  begin(answer);
  EXPECT_TRUE(**append(answer, std::string(mib / 2, 'x')));
  EXPECT_TRUE(**append(answer, std::string(mib / 2, 'x')));
  EXPECT_FALSE(**append(answer, "x")) << "larger than the bound, and nobody reads";
}

TEST_F(GrowingAnswerTest, WhereTheAccountHasNoRoomASlowReaderGivesWay) {
  storage::BodyAccount small(mib);
  const auto answer =
      GrowingAnswer::make(context.get_executor(), small, {16 * mib, patience, 0}, Keep::whole);
  const auto idle = answer->attach();
  const auto fast = answer->attach();
  begin(answer);
  expect_head(fast);
  for (int i = 0; i < 16; ++i) {
    ASSERT_EQ(*append(answer, std::string(mib / 8, 'x')), std::optional(true));
    EXPECT_EQ(bytes(fast).size(), mib / 8);
  }
  EXPECT_FALSE(answer->is_whole());
  expect_head(idle);
  EXPECT_EQ(error_at_end(idle)->code, ErrorCode::overloaded);
}

TEST_F(GrowingAnswerTest, ItsBytesAreCountedWhileItKeepsThem) {
  const auto fits = [&](std::size_t size) { return storage::BodyAccount::Growing(bodies).add(size); };
  {
    const auto answer = make(64 * mib);
    begin(answer);
    EXPECT_TRUE(**append(answer, std::string(40 * mib, 'x')));
    EXPECT_FALSE(fits(40 * mib));
    answer->end(std::nullopt);
    answer->settle(caching::share_body("counted by its owner"));
    EXPECT_TRUE(fits(40 * mib));
    const auto other = make(64 * mib);
    EXPECT_TRUE(**append(other, std::string(40 * mib, 'x')));
    EXPECT_FALSE(fits(40 * mib));
  }
  EXPECT_TRUE(fits(64 * mib));
}

TEST_F(GrowingAnswerTest, AReaderWhoseClientHasGoneStopsWaiting) {
  const auto answer = make(mib);
  const auto reader = answer->attach();
  const auto waits = read(reader);
  EXPECT_FALSE(*waits);
  reader->leave();
  run();
  ASSERT_TRUE(*waits);
  EXPECT_EQ(std::get<AnswerEnd>(**waits).error->code, ErrorCode::client_gone);
}

TEST_F(GrowingAnswerTest, AnErrorReachesEveryReaderBehindWhatHasCome) {
  const auto answer = make(mib);
  const auto reader = answer->attach();
  begin(answer);
  EXPECT_TRUE(**append(answer, "half"));
  answer->end(Error{ErrorCode::upstream_timeout, true, "stalled", ErrorSource::upstream});
  expect_head(reader);
  EXPECT_EQ(bytes(reader), "half");
  EXPECT_EQ(error_at_end(reader)->code, ErrorCode::upstream_timeout);
}

TEST_F(GrowingAnswerTest, ReadersOnOtherThreadsGetEveryByteAtTheirOwnPace) {
  constexpr std::size_t piece_size = 40'000;
  constexpr int pieces = 500;
  constexpr int readers = 6;
  boost::asio::io_context upstream_context{1};
  const auto work = boost::asio::make_work_guard(upstream_context);
  std::thread upstream_thread([&] { upstream_context.run(); });
  const auto answer = GrowingAnswer::make(upstream_context.get_executor(), bodies, {64 * mib}, Keep::whole);
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts;
  std::vector<std::future<std::string>> contents;
  std::vector<std::thread> threads;
  for (int i = 0; i < readers; ++i) {
    contexts.push_back(std::make_unique<boost::asio::io_context>(1));
    contents.push_back(boost::asio::co_spawn(
        *contexts.back(),
        [](GrowingAnswer::ReaderPtr reader) -> boost::asio::awaitable<std::string> {
          std::string content;
          while (true) {
            GrowingAnswer::Piece piece = co_await reader->read();
            if (const auto* bytes = std::get_if<ContentBytes>(&piece)) content += bytes->bytes;
            if (std::holds_alternative<AnswerEnd>(piece)) co_return content;
          }
        }(answer->attach()),
        boost::asio::use_future));
    threads.emplace_back([&context = *contexts.back()] { context.run(); });
  }
  std::string sent;
  for (int i = 0; i < pieces; ++i) sent += std::string(piece_size, static_cast<char>('a' + i % 26));
  boost::asio::co_spawn(
      upstream_context,
      [&]() -> boost::asio::awaitable<void> {
        answer->begin({.status = 200, .fields = {}, .length = {}});
        for (std::size_t at = 0; at < sent.size(); at += piece_size)
          co_await answer->append(sent.substr(at, piece_size));
        answer->end(std::nullopt);
        answer->settle(caching::share_body(answer->content()));
      },
      boost::asio::use_future)
      .get();
  for (auto& content : contents) EXPECT_TRUE(content.get() == sent);
  for (auto& thread : threads) thread.join();
  upstream_context.stop();
  upstream_thread.join();
}

}  // namespace
}  // namespace roktcached::upstream
