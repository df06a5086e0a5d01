#include "server/fleet/engine_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "server/system_clock.h"
#include "tests/unit/server/fleet/scripted_engine.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::fleet {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using upstream::begin;
using upstream::run_until;

constexpr std::size_t max_bulk_reply = std::size_t{1} << 20;
/// Long enough for an answer on this machine, and for tests that wait until it is over.
constexpr std::chrono::milliseconds short_deadline{60};
const Script any_script{"any", "return 1"};

class EngineConnectionTest : public testing::Test {
 protected:
  using Reply = upstream::Pending<Result<EngineReply>>;

  EngineConnectionTest() {
    const auto opened = begin(context, connection->open(clock.steady_now() + 10s));
    run_until(context, [&] { return !!*opened; });
    EXPECT_TRUE(**opened);
  }
  Reply call(const std::string& word, std::chrono::milliseconds patience = 10s) {
    return begin(context, connection->call(engine_command({word}), clock.steady_now() + patience));
  }
  Result<EngineReply> result_of(const Reply& reply) {
    run_until(context, [&] { return !!*reply; });
    return **reply;
  }

  asio::io_context context{1};
  SystemClock clock;
  ScriptedEngine server{context};
  EngineAddress address{server.settings(short_deadline)};
  std::shared_ptr<EngineConnection> connection =
      std::make_shared<EngineConnection>(context.get_executor(), address, max_bulk_reply, clock);
};

TEST_F(EngineConnectionTest, ALateReplyIsDroppedAndShiftsNoOther) {
  server.answer_with([](std::size_t, const ScriptedEngine::Said& words) {
    return words.front() == "LATE" ? std::string() : "+late\r\n+" + words.front() + "\r\n";
  });
  const Reply late = call("LATE", 10ms);
  ASSERT_FALSE(result_of(late));
  EXPECT_EQ((*late)->error().code, ErrorCode::upstream_timeout);
  const Reply next = call("NEXT");
  ASSERT_TRUE(result_of(next));
  EXPECT_EQ((*next)->value().text, "NEXT");
  EXPECT_EQ(server.heard().size(), 2U) << "nothing is sent twice";
}

TEST_F(EngineConnectionTest, RepliesComeInTheOrderOfTheCalls) {
  server.answer_with([held = std::string()](std::size_t, const ScriptedEngine::Said& words) mutable {
    held += "+" + words.front() + "\r\n";
    return words.front() == "C" ? std::exchange(held, {}) : std::string();
  });
  const Reply a = call("A");
  const Reply b = call("B");
  const Reply c = call("C");
  EXPECT_EQ(result_of(a).value().text, "A");
  EXPECT_EQ(result_of(b).value().text, "B");
  EXPECT_EQ(result_of(c).value().text, "C");
}

TEST_F(EngineConnectionTest, AReplyThatNobodyHasAskedForEndsTheConnection) {
  server.say(0, "+surprise\r\n");
  run_until(context, [&] { return !connection->is_open(); });
  const Reply refused = call("A");
  ASSERT_FALSE(result_of(refused));
  EXPECT_THAT((*refused)->error().context, HasSubstr("nobody has asked"));
  EXPECT_TRUE(server.heard().empty()) << "nothing is queued for later";
}

TEST_F(EngineConnectionTest, AReplyThatIsTooLargeOrNoneFailsAllThatWait) {
  server.answer_with([](std::size_t, const ScriptedEngine::Said& words) {
    return words.front() == "A" ? "$2000000\r\n" + std::string(max_bulk_reply + 1, 'x') : std::string();
  });
  const Reply a = call("A");
  const Reply b = call("B");
  ASSERT_FALSE(result_of(a));
  ASSERT_FALSE(result_of(b));
  EXPECT_EQ((*b)->error().code, ErrorCode::unavailable);
  EXPECT_THAT((*b)->error().context, HasSubstr("too large"));
}

TEST_F(EngineConnectionTest, WhatAnEngineDoesNotTakeIsBounded) {
  const std::string large(std::size_t{4} << 20, 'x');
  std::size_t refused = 0;
  std::vector<Reply> replies;
  replies.reserve(10);
  for (int i = 0; i < 10; ++i) replies.push_back(call(large, 1ms));  // nothing runs in between
  context.restart();
  context.poll();
  for (const Reply& reply : replies) {
    if (*reply && (*reply)->error().code == ErrorCode::unavailable) ++refused;
  }
  EXPECT_GE(refused, 4U);
  EXPECT_LE(refused, 6U);
}

class EngineClientTest : public testing::Test {
 protected:
  using Reply = upstream::Pending<Result<EngineReply>>;

  void start() {
    server.answer_with([this](std::size_t connection, const ScriptedEngine::Said& words) {
      return answer ? answer(connection, words) : "+OK\r\n";
    });
    engine.start(
        [this]() -> asio::awaitable<bool> {
          ++greeted;
          fail(greets_that_throw);
          co_return greets;
        },
        [this] {
          fail(changes_that_throw);
          ++changed;
        });
    run_until(context, [&] { return engine.together(); });
    ASSERT_EQ(changed, 1);
  }
  static void fail(int& times) {
    if (times == 0) return;
    --times;
    throw std::bad_alloc();
  }
  Reply run_script() { return begin(context, engine.run(any_script, words("key"), words("argument"))); }
  Result<EngineReply> result_of(const Reply& reply) {
    run_until(context, [&] { return !!*reply; });
    return **reply;
  }
  void wait_until_alone() {
    run_until(context, [&] { return !engine.together(); });
  }
  ~EngineClientTest() override {
    engine.stop();
    context.restart();
    context.poll();
  }

  asio::io_context context{1};
  SystemClock clock;
  ScriptedEngine server{context};
  EngineClient engine{context.get_executor(), server.settings(short_deadline), max_bulk_reply, clock};
  ScriptedEngine::Answer answer;
  int greeted = 0;
  int changed = 0;
  bool greets = true;
  int greets_that_throw = 0;
  int changes_that_throw = 0;
};

TEST_F(EngineClientTest, ItHasThreeConnectionsAndIsTogetherOnceGreeted) {
  EXPECT_FALSE(engine.usable());
  start();
  EXPECT_EQ(server.connections(), 3U);
  EXPECT_EQ(greeted, 1);
  EXPECT_TRUE(engine.usable());
  EXPECT_TRUE(engine.status().trouble.empty());
}

TEST_F(EngineClientTest, WhatFailsUnexpectedlyWhileItLinksIsDoneAgain) {
  greets_that_throw = changes_that_throw = 1;
  start();
  EXPECT_EQ(greeted, 2);
  EXPECT_EQ(changed, 1) << "nobody is left without the news";
  EXPECT_EQ(server.connections(), 6U);
  EXPECT_TRUE(engine.usable());
}

TEST_F(EngineClientTest, AScriptThatItDoesNotKnowIsSentWhole) {
  start();
  answer = [](std::size_t, const ScriptedEngine::Said& words) -> std::string {
    return words.front() == "EVALSHA" ? "-NOSCRIPT No matching script.\r\n" : "+ran\r\n";
  };
  EXPECT_EQ(result_of(run_script()).value().text, "ran");
  const auto whole = server.heard("EVAL");
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0], (ScriptedEngine::Said{"EVAL", "return 1", "1", "key", "argument"}));
  const auto by_name = server.heard("EVALSHA");
  ASSERT_EQ(by_name.size(), 1U);
  EXPECT_EQ(by_name[0][1], "e0e1f9fabfc9d4800c877a703b823ac0578ff8db") << "as redis-cli SCRIPT LOAD says";
  EXPECT_TRUE(engine.together());
}

TEST_F(EngineClientTest, HalfATimeoutIsADoubtAndAnAnswerEndsIt) {
  start();
  // The reply of the script comes before that of the question, as an engine sends them.
  answer = [](std::size_t, const ScriptedEngine::Said& words) -> std::string {
    return words.front() == "EVALSHA" ? "" : "+late\r\n+PONG\r\n";
  };
  const Reply first = run_script();
  run_until(context, [&] { return !engine.usable(); });
  EXPECT_TRUE(engine.together());
  const Reply refused = run_script();
  EXPECT_FALSE(result_of(refused)) << "nobody else waits for it meanwhile";
  run_until(context, [&] { return engine.usable(); });
  EXPECT_TRUE(engine.together());
  EXPECT_EQ(result_of(first).value().text, "late");
  EXPECT_EQ(server.heard("EVALSHA").size(), 1U);
  EXPECT_EQ(server.heard("PING").size(), 1U);
  EXPECT_EQ(engine.status().timeouts, 0U);
}

TEST_F(EngineClientTest, TwoTimeoutsInARowMeanAlone) {
  start();
  answer = [](std::size_t, const ScriptedEngine::Said&) { return std::string(); };
  const auto begun = clock.steady_now();
  EXPECT_FALSE(result_of(run_script()));
  wait_until_alone();
  EXPECT_GE(clock.steady_now() - begun, short_deadline) << "the second is sent when half of it is over";
  EXPECT_LT(clock.steady_now() - begun, 10 * short_deadline);
  EXPECT_EQ(changed, 2);
  EXPECT_EQ(server.heard("EVALSHA").size(), 1U) << "nothing is sent twice";
  EXPECT_EQ(server.heard("PING").size(), 1U);
  EXPECT_FALSE(result_of(run_script())) << "at once";
  EXPECT_EQ(server.heard("EVALSHA").size(), 1U);
}

TEST_F(EngineClientTest, AFullOneStaysAndSaysSo) {
  start();
  answer = [](std::size_t, const ScriptedEngine::Said&) {
    return std::string("-OOM allow-oom flag is not set on the script\r\n");
  };
  const auto reply = result_of(run_script());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::storage_full);
  EXPECT_TRUE(engine.usable());
  EXPECT_EQ(engine.status().refused, 1U);
}

TEST_F(EngineClientTest, OneThatCannotBeWorkedWithIsLeftWithAClearWord) {
  for (const auto& [error, word] :
       {std::pair{"-MOVED 3999 127.0.0.1:6381\r\n", "node of a cluster"},
        std::pair{"-ASK 3999 127.0.0.1:6381\r\n", "node of a cluster"},
        std::pair{"-READONLY You can't write against a read only replica.\r\n", "replica"},
        std::pair{"-NOPERM no right to run 'evalsha'\r\n", "NOPERM"},
        std::pair{"-LOADING it is loading\r\n", "LOADING"}}) {
    asio::io_context own{1};
    ScriptedEngine other(own);
    other.answer_with(
        [error = error](std::size_t, const ScriptedEngine::Said&) { return std::string(error); });
    EngineClient asked(own.get_executor(), other.settings(10s), max_bulk_reply, clock);
    asked.start([]() -> asio::awaitable<bool> { co_return true; }, [] {});
    run_until(own, [&] { return asked.together(); });
    const auto reply = begin(own, asked.run(any_script, words("key"), {}));
    run_until(own, [&] { return !!*reply; });
    ASSERT_FALSE(**reply) << error;
    EXPECT_THAT((*reply)->error().context, HasSubstr(word));
    EXPECT_FALSE(asked.together()) << error;
    EXPECT_THAT(asked.status().trouble, HasSubstr(word));
    asked.stop();
    own.restart();
    own.poll();
  }
}

TEST_F(EngineClientTest, WhoeverCannotFollowTheLogIsAlone) {
  for (const std::string error : {"-OOM full\r\n", "-WRONGTYPE not a stream\r\n", "-NOPERM no\r\n"}) {
    asio::io_context own{1};
    ScriptedEngine other(own);
    other.answer_with([error = error](std::size_t, const ScriptedEngine::Said&) { return error; });
    EngineClient asked(own.get_executor(), other.settings(10s), max_bulk_reply, clock);
    asked.start([]() -> asio::awaitable<bool> { co_return true; }, [] {});
    run_until(own, [&] { return asked.together(); });
    const auto reply = begin(own, asked.follow(words("XREAD"), 10s));
    run_until(own, [&] { return !!*reply; });
    EXPECT_FALSE(**reply) << error;
    EXPECT_FALSE(asked.together()) << error;
    asked.stop();
    own.restart();
    own.poll();
  }
}

/// A second passes: so long it is left alone.
TEST_F(EngineClientTest, OneThatWasLostIsReachedAgain) {
  start();
  answer = [](std::size_t, const ScriptedEngine::Said&) { return std::string("+ran\r\n"); };
  server.drop();
  ASSERT_FALSE(result_of(run_script()));
  wait_until_alone();
  const Reply refused = run_script();
  EXPECT_FALSE(result_of(refused)) << "nobody waits for it";
  EXPECT_TRUE(server.heard("EVALSHA").empty()) << "nothing is queued";
  run_until(context, [&] { return engine.together(); });
  EXPECT_EQ(server.connections(), 6U);
  EXPECT_EQ(greeted, 2);
  EXPECT_EQ(engine.status().connected, 2U);
  EXPECT_EQ(result_of(run_script()).value().text, "ran");
}

TEST_F(EngineClientTest, WhoWaitsAtTheStartIsToldOnceItIsKnown) {
  const auto settled = upstream::begin<int>(context, [](EngineClient& of) -> asio::awaitable<int> {
    co_await of.settle();
    co_return 1;
  }(engine));
  context.poll();
  EXPECT_FALSE(*settled);
  greets = false;
  engine.start([this]() -> asio::awaitable<bool> { co_return greets; }, [] {});
  run_until(context, [&] { return !!*settled; });
  EXPECT_FALSE(engine.together());
}

}  // namespace
}  // namespace roktcached::fleet
