#include "server/upstream/token/token_keeper.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <list>

#include "server/asio.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

/// Mints on demand: a fetch waits until the test lets it end.
class FakeSource final : public TokenSource {
 public:
  FakeSource(boost::asio::io_context& context, const Clock& clock) : gate_(context), clock_(clock) {
    gate_.expires_at(SteadyTime::max());
  }

  boost::asio::awaitable<FetchedToken> fetch() override {
    ++fetches;
    while (answers.empty()) co_await gate_.async_wait(as_result);
    const std::optional<TokenFailure> failure = answers.front();
    answers.pop_front();
    if (std::exchange(out_of_memory, false)) throw std::bad_alloc();
    if (failure) co_return *failure;
    const auto token =
        parse_token(R"({"access_token":"t)" + std::to_string(fetches) + R"(","expires_in":3600})",
                    clock_.steady_now(), clock_.wall_now());
    co_return *token;
  }
  void answer(bool good) {
    if (!good)
      return fail(
          {{ErrorCode::upstream_invalid_response, true, "no luck", ErrorSource::upstream}, {}, false});
    answers.emplace_back();
    gate_.cancel();
  }
  void fail(TokenFailure failure) {
    answers.emplace_back(std::move(failure));
    gate_.cancel();
  }

  int fetches = 0;
  bool out_of_memory = false;  // once
  std::deque<std::optional<TokenFailure>> answers;

 private:
  boost::asio::steady_timer gate_;
  const Clock& clock_;
};

class TokenKeeperTest : public testing::Test {
 protected:
  TokenKeeperTest() : source(context, clock), keeper(context.get_executor(), source, "emea", clock) {
    keeper.start();
  }
  ~TokenKeeperTest() override {
    keeper.stop();
    source.answer(false);
    run();
  }

  void run() {
    context.restart();
    context.poll();
  }
  /// Asks for a token; the answer is there once something has run.
  std::shared_ptr<std::optional<TokenResult>> get() { return ask(keeper.get(begun_turn())); }
  std::shared_ptr<std::optional<TokenResult>> renew(TokenPtr refused) {
    return ask(keeper.renew(std::move(refused), begun_turn()));
  }

  FakeClock clock;
  boost::asio::io_context context{1};
  FakeSource source;
  TokenKeeper keeper;
  std::list<Turn> turns;  // of those who ask

 private:
  Turn& begun_turn() {
    turns.emplace_back().begin({"client"}, clock.steady_now(), 1h);
    return turns.back();
  }
  std::shared_ptr<std::optional<TokenResult>> ask(boost::asio::awaitable<TokenResult> question) {
    auto answer = std::make_shared<std::optional<TokenResult>>();
    boost::asio::co_spawn(
        context, std::move(question),
        [answer](const std::exception_ptr&, TokenResult result) { *answer = std::move(result); });
    run();
    return answer;
  }
};

TEST_F(TokenKeeperTest, RequestsWaitForTheFirstFetchAndShareIt) {
  const auto first = get();
  const auto second = get();
  EXPECT_FALSE(*first);
  source.answer(true);
  run();
  ASSERT_TRUE(*first && *second);
  EXPECT_EQ((***first)->value.reveal(), "t1");
  EXPECT_EQ(***first, ***second);
  EXPECT_EQ(source.fetches, 1);
  EXPECT_TRUE(keeper.status().alive);
}

TEST_F(TokenKeeperTest, AFailedFetchFailsWhoWaitsAndSaysWhenTheNextOneIs) {
  const auto answer = get();
  source.answer(false);
  run();
  ASSERT_TRUE(*answer);
  const UpstreamFailure failure = (*answer)->error();
  EXPECT_EQ(failure.error.code, ErrorCode::token_unavailable);
  EXPECT_EQ(failure.error.context, "credential emea: no luck");
  ASSERT_TRUE(failure.retry_after);
  EXPECT_LE(*failure.retry_after, 1s);
  EXPECT_FALSE(keeper.status().alive);
}

TEST_F(TokenKeeperTest, ObeysARetryAfterUpToAnHour) {
  TokenFailure busy{{ErrorCode::upstream_invalid_response, true, "busy", ErrorSource::upstream}, 42s, false};
  for (const auto& [asked_for, obeyed] : {std::pair(42s, 42s), std::pair(86'400s, 3600s)}) {
    const auto answer = get();
    busy.retry_after = asked_for;
    source.fail(busy);
    run();
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().retry_after, obeyed);
    EXPECT_FALSE(keeper.refused());
    keeper.fetch_now();
    run();
  }
}

TEST_F(TokenKeeperTest, AsksAnEndpointThatIsNotThereAgainSoon) {
  const auto answer = get();
  source.fail({{ErrorCode::upstream_unreachable, false, "refused", ErrorSource::upstream}, {}, false});
  run();
  ASSERT_TRUE(*answer);
  EXPECT_LE(*(*answer)->error().retry_after, 1s);
  EXPECT_FALSE(keeper.refused());
}

TEST_F(TokenKeeperTest, AsksAgainOnceAMinuteWhereTheCredentialIsRefused) {
  const TokenFailure refused{
      {ErrorCode::upstream_invalid_response, true, "invalid_client", ErrorSource::upstream}, {}, true};
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const auto answer = get();
    source.fail(refused);
    run();
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().retry_after, 60s) << "after attempt " << attempt;
    EXPECT_EQ((*answer)->error().error.context, "credential emea: invalid_client");
    EXPECT_TRUE(keeper.refused());
    EXPECT_EQ(source.fetches, attempt);
    keeper.fetch_now();  // as a hangup does
    run();
  }
  source.answer(true);
  run();
  EXPECT_FALSE(keeper.refused());
  EXPECT_TRUE(keeper.status().alive);
}

TEST_F(TokenKeeperTest, AsksAtOnceWhereSomethingWasMendedWhileItAsked) {
  const TokenFailure refused{
      {ErrorCode::upstream_invalid_response, true, "invalid_client", ErrorSource::upstream}, {}, true};
  const auto answer = get();
  keeper.fetch_again();  // a hangup, while the first fetch is under way
  source.fail(refused);
  run();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().retry_after, 0s);
  EXPECT_EQ(source.fetches, 2) << "the next one has begun";
  source.fail(refused);
  run();
  EXPECT_EQ(source.fetches, 2) << "and then it waits a minute";
}

TEST_F(TokenKeeperTest, GoesOnAfterAFetchThatThrew) {
  const auto answer = get();
  source.out_of_memory = true;
  source.answer(true);
  run();
  ASSERT_TRUE(*answer) << "who waited is told";
  EXPECT_EQ((*answer)->error().error.code, ErrorCode::token_unavailable);
  keeper.fetch_now();
  run();
  source.answer(true);
  run();
  EXPECT_EQ(source.fetches, 2);
  EXPECT_TRUE(keeper.status().alive);
}

TEST_F(TokenKeeperTest, WhoIsNotWaitedForWaitsNoMore) {
  const auto first = get();
  const auto second = get();
  const auto third = get();
  auto turn = turns.begin();
  turn->abandon();
  (++turn)->set_unattended(true);
  run();
  ASSERT_TRUE(*first && *second);
  EXPECT_EQ((*first)->error().error.code, ErrorCode::client_gone);
  EXPECT_EQ((*second)->error().error.code, ErrorCode::client_gone);
  EXPECT_FALSE(*third);
  source.answer(true);
  run();
  ASSERT_TRUE(*third);
  EXPECT_TRUE(**third);
}

TEST_F(TokenKeeperTest, WhoIsJoinedBeforeItHasGoneGoesOnWaiting) {
  const auto answer = get();
  turns.front().set_unattended(true);
  turns.front().join({"another"}, clock.steady_now());
  run();
  EXPECT_FALSE(*answer);
  source.answer(true);
  run();
  ASSERT_TRUE(*answer);
  EXPECT_TRUE(**answer);
}

TEST_F(TokenKeeperTest, ARenewalThatNobodyWaitsForEnds) {
  source.answer(true);
  const TokenPtr old = ***get();
  clock.advance(11s);
  const auto renewal = renew(old);
  EXPECT_FALSE(*renewal);
  turns.back().abandon();
  run();
  ASSERT_TRUE(*renewal);
  EXPECT_EQ((*renewal)->error().error.code, ErrorCode::client_gone);
}

TEST_F(TokenKeeperTest, ARefusedTokenIsRenewedOnceForAll) {
  source.answer(true);
  const TokenPtr old = ***get();
  clock.advance(11s);
  const auto first = renew(old);
  const auto second = renew(old);
  EXPECT_FALSE(*first);
  source.answer(true);
  run();
  ASSERT_TRUE(*first && *second);
  EXPECT_EQ((***first)->value.reveal(), "t2");
  EXPECT_EQ(***first, ***second);
  EXPECT_EQ(source.fetches, 2);
  const auto late = renew(old);  // another has been minted meanwhile
  EXPECT_EQ((***late)->value.reveal(), "t2");
  EXPECT_EQ(source.fetches, 2);
}

TEST_F(TokenKeeperTest, ATokenMintedMomentsAgoIsNotDoubted) {
  source.answer(true);
  const TokenPtr young = ***get();
  clock.advance(9s);
  const auto answer = renew(young);
  ASSERT_TRUE(*answer);
  EXPECT_EQ(***answer, nullptr);
  EXPECT_EQ(source.fetches, 1);
}

TEST_F(TokenKeeperTest, TheOldTokenStaysInUseWhileARenewalFails) {
  source.answer(true);
  const TokenPtr old = ***get();
  clock.advance(11s);
  const auto renewal = renew(old);
  source.answer(false);
  run();
  ASSERT_TRUE(*renewal);
  EXPECT_FALSE(**renewal);
  EXPECT_EQ(***get(), old);
  clock.advance(1h);
  EXPECT_FALSE(**get());
}

/// The upstream has refused it: it is used again only where no other can be had.
TEST_F(TokenKeeperTest, ARefusedTokenIsNotUsedWhileAnotherIsFetched) {
  source.answer(true);
  const TokenPtr old = ***get();
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), old);
  clock.advance(11s);
  const auto renewal = renew(old);
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), nullptr);
  const auto another = get();
  EXPECT_FALSE(*another) << "it waits for the new one";
  source.answer(true);
  run();
  ASSERT_TRUE(*another);
  EXPECT_EQ((***another)->value.reveal(), "t2");
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), ***another);
}

TEST_F(TokenKeeperTest, ARefusedTokenIsUsedAgainWhereNoOtherCanBeHad) {
  source.answer(true);
  const TokenPtr old = ***get();
  clock.advance(11s);
  const auto renewal = renew(old);
  const auto another = get();
  source.answer(false);
  run();
  ASSERT_TRUE(*another);
  EXPECT_EQ(***another, old);
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), old);
}

TEST_F(TokenKeeperTest, ATokenThatIsRenewedInTimeStaysInUseMeanwhile) {
  source.answer(true);
  const TokenPtr old = ***get();
  keeper.fetch_now();
  run();
  EXPECT_EQ(source.fetches, 2);
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), old) << "nobody has refused it";
}

TEST_F(TokenKeeperTest, ARefusalForcesNoFetchWithinTheBackoffOfAFailingEndpoint) {
  source.answer(true);
  const TokenPtr old = ***get();
  clock.advance(11s);
  const auto first = renew(old);
  source.answer(false);
  run();
  ASSERT_TRUE(*first);
  EXPECT_EQ(source.fetches, 2);
  const auto second = renew(old);
  ASSERT_TRUE(*second) << "it waits for nothing";
  EXPECT_EQ((*second)->error().error.code, ErrorCode::token_unavailable);
  EXPECT_EQ(source.fetches, 2);
  EXPECT_EQ(keeper.at_hand(clock.steady_now()), old);
}

TEST_F(TokenKeeperTest, TheAcceptanceOfOneTokenSaysNothingOfAnother) {
  source.answer(true);
  const TokenPtr old = ***get();
  keeper.accepted(old, clock.steady_now());
  clock.advance(11s);
  const auto renewal = renew(old);
  source.answer(true);
  run();
  const TokenPtr fresh = ***renewal;
  ASSERT_NE(fresh, old);
  EXPECT_FALSE(keeper.recently_accepted(fresh));
  EXPECT_TRUE(keeper.recently_accepted(old));
  keeper.accepted(fresh, clock.steady_now());
  EXPECT_TRUE(keeper.recently_accepted(fresh));
  EXPECT_FALSE(keeper.recently_accepted(old));
}

TEST_F(TokenKeeperTest, WhoWaitsWhenItIsStoppedIsTold) {
  const auto waiting = get();
  keeper.stop();
  run();
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error().error.code, ErrorCode::token_unavailable);
}

TEST_F(TokenKeeperTest, AnAcceptedTokenIsTrustedForAMinute) {
  source.answer(true);
  const TokenPtr token = ***get();
  EXPECT_FALSE(keeper.recently_accepted(token));
  keeper.accepted(token, clock.steady_now());
  clock.advance(60s - 1ms);
  EXPECT_TRUE(keeper.recently_accepted(token));
  clock.advance(1ms);
  EXPECT_FALSE(keeper.recently_accepted(token));
}

TEST_F(TokenKeeperTest, WhatWentWrongIsNotToldOnceATokenIsThere) {
  const auto answer = get();
  source.fail({{ErrorCode::upstream_invalid_response, true, "no luck", ErrorSource::upstream}, {}, false});
  run();
  EXPECT_EQ(keeper.status().last_error, "credential emea: no luck");
  keeper.fetch_again();
  run();
  source.answer(true);
  run();
  EXPECT_TRUE(keeper.status().alive);
  EXPECT_EQ(keeper.status().last_error, "");
  EXPECT_EQ(keeper.status().failures, 1U) << "but counted";
}

}  // namespace
}  // namespace roktcached::upstream
