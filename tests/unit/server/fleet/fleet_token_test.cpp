#include "server/fleet/fleet_token.h"

#include <gtest/gtest.h>

#include "server/fleet/shared_answer.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/fleet/fake_engine.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::fleet {
namespace {

using namespace std::chrono_literals;
using upstream::FetchedToken;

/// Mints when the test says so.
class FakeSource final : public upstream::TokenSource {
 public:
  explicit FakeSource(asio::io_context& context) : gate_(context, SteadyTime::max()) {}
  [[nodiscard]] asio::awaitable<FetchedToken> fetch() override {
    ++asked;
    while (!minted) co_await gate_.async_wait(as_result);
    co_return *minted;
  }
  int asked = 0;
  std::optional<FetchedToken> minted;

 private:
  asio::steady_timer gate_;
};

class FleetTokenTest : public testing::Test {
 protected:
  FleetTokenTest() {
    clock.steady += 1h;  // no wait ends by itself
    token.mint_with(own);
    own.minted = FetchedToken(token_of("own", 1h));
  }
  ~FleetTokenTest() override {
    token.stop();
    engine.go_away();
    run_what_can(context);
  }
  [[nodiscard]] upstream::TokenPtr token_of(const std::string& value,
                                            std::chrono::milliseconds lifetime) const {
    return std::make_shared<const upstream::Token>(upstream::Token{.value = config::Secret(value),
                                                                   .lifetime = lifetime,
                                                                   .minted_at = clock.steady,
                                                                   .expires_at = clock.steady + lifetime,
                                                                   .expires_at_wall = clock.wall + lifetime});
  }
  [[nodiscard]] std::string bound(const std::string& serial) const {
    return "token|" + crew.prefix + "|" + serial;
  }
  [[nodiscard]] EngineReply stored(const std::string& serial, const upstream::Token& of,
                                   std::chrono::milliseconds rest) const {
    return texts_reply("token", serial, crew.tokens->seal(written(of), bound(serial)),
                       std::to_string(rest.count()));
  }
  upstream::Pending<FetchedToken> fetch() {
    auto fetched = upstream::begin(context, token.fetch());
    run_what_can(context);
    return fetched;
  }
  void say(EngineReply reply, const std::string& to = "token") {
    engine.reply(to, std::move(reply));
    run_what_can(context);
  }
  /// What the log tells.
  template <class... Texts>
  void tell(Texts&&... fields) {
    const EngineReply event = texts_reply(std::forward<Texts>(fields)...);
    token.take(LogEntry{event});
    run_what_can(context);
  }
  static std::string value_of(const upstream::Pending<FetchedToken>& fetched) {
    return *fetched && **fetched ? std::string((***fetched)->value.reveal()) : std::string("none");
  }

  asio::io_context context{1};
  FakeClock clock;
  FakeEngine engine{context};
  Crew crew{0, credential_of_tests(), "https://api.rokt.com", {}};
  FakeSource own{context};
  FleetToken token{context.get_executor(), engine, crew, "owner", clock};
};

TEST_F(FleetTokenTest, AloneItMintsItsOwnAndTellsNobody) {
  engine.is_together = false;
  EXPECT_EQ(value_of(fetch()), "own");
  EXPECT_EQ(engine.settled, 1) << "at the start it waits until that is known";
  EXPECT_TRUE(engine.heard("token").empty());
  EXPECT_TRUE(engine.heard("token_minted").empty());
}

TEST_F(FleetTokenTest, WhoeverIsToldToMintsForAll) {
  own.minted.reset();
  const auto fetched = fetch();
  ASSERT_EQ(engine.heard("token").size(), 1U);
  EXPECT_EQ(engine.heard("token")[0]->keys,
            (Words{crew.prefix + "t", crew.prefix + "tl", crew.prefix + "tn"}));
  EXPECT_EQ(engine.heard("token")[0]->arguments[0], "owner");
  EXPECT_EQ(engine.heard("token")[0]->arguments[1], "0") << "it has none";
  own.minted = FetchedToken(token_of("own", 1h));
  say(texts_reply("mint", "7"));
  ASSERT_EQ(engine.heard("token_minted").size(), 1U);
  const auto told = engine.heard("token_minted")[0];
  EXPECT_EQ(told->keys, (Words{crew.prefix + "t", crew.prefix + "tl", crew.prefix + "log"}));
  EXPECT_EQ(told->arguments[0], "7");
  EXPECT_EQ(told->arguments[2], std::to_string((59min).count() * 60'000))
      << "not in the last minute of its life";
  EXPECT_EQ(told->arguments[4], "");
  const auto plain = crew.tokens->open(told->arguments[1], bound("7"));
  ASSERT_TRUE(plain);
  EXPECT_EQ((*read_token(*plain, clock.steady, clock.wall))->value.reveal(), "own");
  EXPECT_FALSE(*fetched);
  say(text_reply("1"), "token_minted");
  EXPECT_EQ(value_of(fetched), "own");
  EXPECT_FALSE((***fetched)->of_fleet);
  EXPECT_EQ(token.taken(), 0U);
  const auto next = fetch();
  EXPECT_EQ(engine.heard("token")[1]->arguments[1], "7") << "that one is dead, or due";
}

TEST_F(FleetTokenTest, AShortLivedTokenIsSharedForHalfItsLife) {
  own.minted = FetchedToken(token_of("own", 40s));
  const auto fetched = fetch();
  say(texts_reply("mint", "7"));
  EXPECT_EQ(engine.heard("token_minted")[0]->arguments[2], "20000");
  own.minted = FetchedToken(token_of("own", 0s));
  const auto dead = fetch();
  say(texts_reply("mint", "8"));
  EXPECT_EQ(engine.heard("token_minted")[1]->arguments[2], "1") << "as short as it can be";
}

TEST_F(FleetTokenTest, WhereTheEngineTakesNoTokenItIsUsedHere) {
  const auto fetched = fetch();
  say(texts_reply("mint", "7"));
  engine.fail("token_minted", ErrorCode::upstream_timeout);
  run_what_can(context);
  EXPECT_EQ(value_of(fetched), "own");
}

TEST_F(FleetTokenTest, AMintThatFailsIsToldToAll) {
  own.minted = FetchedToken(upstream::TokenFailure{
      {ErrorCode::upstream_unreachable, true, "refused there", ErrorSource::upstream}, 3s, true});
  const auto fetched = fetch();
  say(texts_reply("mint", "7"));
  const auto told = engine.heard("token_minted").at(0);
  EXPECT_EQ(told->arguments[0], "7");
  EXPECT_EQ(told->arguments[1], "");
  const auto plain = crew.tokens->open(told->arguments[4], bound("7"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(read_failure(*plain)->error.context, "refused there");
  EXPECT_EQ(read_failure(*plain)->retry_after, 3s);
  say(text_reply("0"), "token_minted");
  ASSERT_TRUE(*fetched);
  ASSERT_FALSE(**fetched);
  EXPECT_TRUE((**fetched).error().credential_refused);
  const auto next = fetch();
  EXPECT_EQ(engine.heard("token")[1]->arguments[1], "0") << "it has none still";
}

TEST_F(FleetTokenTest, WhatAnotherHasMintedIsTaken) {
  const auto fetched = fetch();
  say(stored("5", *token_of("theirs", 1h), 40min));
  EXPECT_EQ(value_of(fetched), "theirs");
  EXPECT_TRUE((***fetched)->of_fleet);
  EXPECT_EQ((***fetched)->expires_at, clock.steady + 41min) << "by the engine's measure, and its last minute";
  EXPECT_EQ((***fetched)->lifetime, 41min);
  EXPECT_EQ(own.asked, 0);
  EXPECT_EQ(token.taken(), 1U);
  const auto next = fetch();
  EXPECT_EQ(engine.heard("token")[1]->arguments[1], "5");
}

TEST_F(FleetTokenTest, WhatCannotBeOpenedIsMintedHereAndCountsAsNone) {
  const auto theirs = token_of("theirs", 1h);
  for (const EngineReply& reply :
       {texts_reply("token", "5", "rubbish", "60000"),
        texts_reply("token", "6", crew.tokens->seal(written(*theirs), bound("5")), "60000"),
        texts_reply("token", "5", crew.tokens->seal("rubbish", bound("5")), "60000"), texts_reply("token"),
        texts_reply("what", "5"), text_reply("token"), stored("5", *token_of("theirs", 0s), 0s)}) {
    const int before = own.asked;
    const auto fetched = fetch();
    EXPECT_EQ(engine.waiting("token").at(0)->arguments[1], "0");
    say(reply);
    EXPECT_EQ(value_of(fetched), "own");
    EXPECT_EQ(own.asked, before + 1);
  }
  EXPECT_EQ(token.taken(), 0U);
  EXPECT_TRUE(engine.heard("token_minted").empty());
}

TEST_F(FleetTokenTest, WhileAnotherMintsItIsWaitedFor) {
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  EXPECT_FALSE(*fetched);
  EXPECT_EQ(engine.heard("token").size(), 1U) << "not before something has happened";
  tell("k", "token", "f", "5");
  ASSERT_EQ(engine.heard("token").size(), 2U);
  say(stored("5", *token_of("theirs", 1h), 40min));
  EXPECT_EQ(value_of(fetched), "theirs");
  EXPECT_EQ(own.asked, 0);
}

TEST_F(FleetTokenTest, AFailureOfTheOtherIsShared) {
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  tell("k", "no-token", "f", "5", "b", "rubbish");
  ASSERT_EQ(engine.heard("token").size(), 2U) << "what cannot be opened says nothing";
  say(texts_reply("minting", "9000"));
  const auto failure = [&](const std::string& serial) {
    return crew.tokens->seal(
        written(upstream::UpstreamFailure{
            {ErrorCode::upstream_timeout, true, "slow there", ErrorSource::upstream}, 2s}),
        bound(serial));
  };
  tell("k", "no-token", "f", "6", "b", failure("5"));
  ASSERT_EQ(engine.heard("token").size(), 3U) << "of another mint";
  say(texts_reply("minting", "9000"));
  tell("k", "no-token", "f", "6", "b", failure("6"));
  ASSERT_TRUE(*fetched);
  ASSERT_FALSE(**fetched);
  EXPECT_EQ((**fetched).error().error.context, "slow there");
  EXPECT_EQ((**fetched).error().retry_after, 2s);
  EXPECT_FALSE((**fetched).error().credential_refused) << "another secret may be asked for here";
  EXPECT_EQ(own.asked, 0);
  // It is of that mint alone.
  const auto next = fetch();
  say(texts_reply("minting", "9000"));
  tell("k", "token", "f", "7");
  EXPECT_FALSE(*next);
  EXPECT_EQ(engine.heard("token").size(), 5U);
}

TEST_F(FleetTokenTest, WhenALeaseEndsItIsAskedAgain) {
  clock.steady -= 2h;  // every wait ends at once
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  ASSERT_EQ(engine.heard("token").size(), 2U);
  say(texts_reply("mint", "8"));
  EXPECT_EQ(own.asked, 1);
  say(text_reply("1"), "token_minted");
  EXPECT_EQ(value_of(fetched), "own");
}

TEST_F(FleetTokenTest, NobodyWaitsForOthersForEver) {
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  clock.advance(10min);
  tell("k", "token", "f", "5");
  EXPECT_EQ(engine.heard("token").size(), 1U);
  EXPECT_EQ(value_of(fetched), "own");
}

TEST_F(FleetTokenTest, WhereTheEngineGoesWhoWaitsMintsHere) {
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  engine.is_together = false;
  token.linked();
  run_what_can(context);
  EXPECT_EQ(value_of(fetched), "own");
}

TEST_F(FleetTokenTest, WhereTheEngineDoesNotAnswerItMintsHereAndHasNoSerial) {
  const auto first = fetch();
  say(stored("5", *token_of("theirs", 1h), 40min));
  const auto second = fetch();
  engine.fail("token");
  run_what_can(context);
  EXPECT_EQ(value_of(second), "own");
  const auto third = fetch();
  EXPECT_EQ(engine.waiting("token").at(0)->arguments[1], "0") << "the token in the engine is another one";
}

TEST_F(FleetTokenTest, AtTheEndNothingIsMinted) {
  const auto fetched = fetch();
  say(texts_reply("minting", "9000"));
  token.stop();
  run_what_can(context);
  EXPECT_EQ(engine.heard("token").size(), 1U);
  ASSERT_TRUE(*fetched);
  ASSERT_FALSE(**fetched);
  EXPECT_EQ(own.asked, 0);
}

}  // namespace
}  // namespace roktcached::fleet
