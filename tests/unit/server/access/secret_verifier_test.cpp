#include "server/access/secret_verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <thread>

#include "server/access/token_key.h"
#include "tests/unit/server/access/examples.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::access {
namespace {

using namespace std::chrono_literals;
using Kind = Presented::Kind;

constexpr std::string_view first_secret = "the-first-ones-secret";
constexpr std::string_view second_secret = "the-second-ones-secret";

class SecretVerifierTest : public testing::Test {
 protected:
  using Found = std::optional<Result<AuthenticationResult>>;

  /// Waits for the verdict, as one request would.
  Result<AuthenticationResult> verify(AuthenticationCache& at, Presented shown) {
    const auto found = begin(at, shown);
    context.restart();
    context.run();
    return found->value();
  }
  Result<AuthenticationResult> verify(Presented shown) { return verify(gate, shown); }
  std::shared_ptr<Found> begin(AuthenticationCache& at, Presented shown) {
    auto found = std::make_shared<Found>();
    boost::asio::co_spawn(context, at.verify(shown, clock.wall),
                          [found](const std::exception_ptr& failure, Result<AuthenticationResult> verdict) {
                            EXPECT_FALSE(failure);
                            *found = std::move(verdict);
                          });
    return found;
  }
  /// Runs until it is found.
  void run_until(const std::shared_ptr<Found>& found) {
    context.restart();
    while (!*found && context.run_one() > 0) {
    }
  }
  [[nodiscard]] static bool is_overloaded(const std::shared_ptr<Found>& one) {
    return *one && !**one && (*one)->error().code == ErrorCode::overloaded && (*one)->error().retryable;
  }
  [[nodiscard]] static std::string basic(std::string_view name, std::string_view secret) {
    return base64(std::string(name).append(":").append(secret));
  }

  const std::vector<config::Client> clients = {client_with_certificate("nightly", "nightly.internal"),
                                               client_with("first", first_secret),
                                               client_with("second", second_secret)};
  const LocalTokens tokens{random_token_key(), clients};
  FakeClock clock;
  boost::asio::io_context context{1};
  SecretVerifier authenticator{clients, tokens};
  AuthenticationCache gate{authenticator};
};

void expect_nobody(const Result<AuthenticationResult>& found, ErrorCode code = ErrorCode::unauthenticated) {
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, code);
  EXPECT_EQ(found.error().context, unauthenticated({}).context) << "the same words whatever was wrong";
}

TEST_F(SecretVerifierTest, KnowsAClientByNameAndSecret) {
  const std::string pair = basic("second", second_secret);
  EXPECT_EQ(gate.recall({Kind::basic, pair}, clock.wall), std::nullopt);
  EXPECT_EQ(verify({Kind::basic, pair}).value(), AuthenticationResult{2});
  EXPECT_EQ(authenticator.scrypts(), 1U);
  EXPECT_EQ(gate.recall({Kind::basic, pair}, clock.wall), AuthenticationResult{2});
  EXPECT_EQ(gate.recall({Kind::api_key, pair}, clock.wall), std::nullopt) << "another thing";
}

TEST_F(SecretVerifierTest, KnowsAClientByItsSecretAlone) {
  EXPECT_EQ(verify({Kind::api_key, second_secret}).value(), AuthenticationResult{2});
  EXPECT_EQ(verify({Kind::api_key, first_secret}).value(), AuthenticationResult{1});
  EXPECT_EQ(authenticator.scrypts(), 4U) << "each asks every client, whoever it is";
}

TEST_F(SecretVerifierTest, AsksOneClientWhereTheKeyNamesIt) {
  const std::string key = "second:" + std::string(second_secret);
  EXPECT_EQ(verify({Kind::api_key, key}).value(), AuthenticationResult{2});
  EXPECT_EQ(authenticator.scrypts(), 1U);
}

TEST_F(SecretVerifierTest, WhoeverIsNobodyPaysTheSame) {
  const std::vector<std::string> pairs = {basic("second", first_secret), basic("unknown", first_secret),
                                          basic("nightly", first_secret), basic("", first_secret),
                                          basic("second", "")};
  for (const auto& pair : pairs) {
    const auto before = authenticator.scrypts();
    expect_nobody(verify({Kind::basic, pair}));
    EXPECT_EQ(authenticator.scrypts(), before + 1) << pair;
  }
  const auto before = authenticator.scrypts();
  expect_nobody(verify({Kind::api_key, "unknown:the-first-ones-secret"}));
  EXPECT_EQ(authenticator.scrypts(), before + 1);
  expect_nobody(verify({Kind::api_key, "no-such-secret-anywhere"}));
  EXPECT_EQ(authenticator.scrypts(), before + 3);
}

TEST_F(SecretVerifierTest, NobodyWithoutAScrypt) {
  EXPECT_EQ(gate.recall({}, clock.wall), AuthenticationResult{});
  EXPECT_EQ(gate.recall({Kind::other, "Digest a"}, clock.wall), AuthenticationResult{});
  EXPECT_EQ(gate.recall({Kind::foreign_token, "x"}, clock.wall), AuthenticationResult{});
  EXPECT_EQ(gate.recall({Kind::local_token, "local.first.x.y"}, clock.wall), AuthenticationResult{});
  expect_nobody(verify({}));
  expect_nobody(verify({Kind::local_token, "local.first.x.y"}), ErrorCode::invalid_token);
  expect_nobody(verify({Kind::basic, "!!!"}));
  expect_nobody(verify({Kind::basic, base64("no colon")}));
  EXPECT_EQ(authenticator.scrypts(), 0U);
}

TEST_F(SecretVerifierTest, OneWrongSecretInALoopCostsOneScryptInAWhile) {
  const std::string pair = basic("first", second_secret);
  for (int i = 0; i < 10; ++i) expect_nobody(verify({Kind::basic, pair}));
  EXPECT_EQ(authenticator.scrypts(), 1U);
  EXPECT_EQ(gate.recall({Kind::basic, pair}, clock.wall), AuthenticationResult{});
  clock.advance(AuthenticationMemory::nobody_for);
  EXPECT_EQ(gate.recall({Kind::basic, pair}, clock.wall), std::nullopt);
  expect_nobody(verify({Kind::basic, pair}));
  EXPECT_EQ(authenticator.scrypts(), 2U);
}

TEST_F(SecretVerifierTest, AWrongSecretCostsOneScryptForAllThreads) {
  AuthenticationCache another(authenticator);
  const std::string pair = basic("first", second_secret);
  expect_nobody(verify(gate, {Kind::basic, pair}));
  expect_nobody(verify(another, {Kind::basic, pair}));
  EXPECT_EQ(authenticator.scrypts(), 1U);
  clock.advance(AuthenticationMemory::nobody_for);
  expect_nobody(verify(another, {Kind::basic, pair}));
  EXPECT_EQ(authenticator.scrypts(), 2U) << "for as long as one thread knows it";
}

TEST_F(SecretVerifierTest, ASecretCostsOneScryptForAllThreads) {
  AuthenticationCache another(authenticator);
  const std::string pair = basic("first", first_secret);
  EXPECT_EQ(verify(gate, {Kind::basic, pair}).value(), AuthenticationResult{1});
  EXPECT_EQ(verify(another, {Kind::basic, pair}).value(), AuthenticationResult{1});
  EXPECT_EQ(authenticator.scrypts(), 1U);
  EXPECT_EQ(another.recall({Kind::basic, pair}, clock.wall), AuthenticationResult{1});
}

TEST_F(SecretVerifierTest, ThoseWhoShowTheSameAtOnceShareAScrypt) {
  AuthenticationCache another(authenticator);
  const std::string pair = basic("first", first_secret);
  std::vector<std::shared_ptr<Found>> found;
  for (int i = 0; i < 20; ++i) found.push_back(begin(i % 2 == 0 ? gate : another, {Kind::basic, pair}));
  context.run();
  for (const auto& one : found) EXPECT_EQ((*one)->value(), AuthenticationResult{1});
  EXPECT_EQ(authenticator.scrypts(), 1U);
}

TEST_F(SecretVerifierTest, ATokenNeedsNoWaiting) {
  const std::string token = tokens.issue(0, clock.wall);
  const Presented shown{Kind::local_token, token};
  EXPECT_EQ(gate.recall(shown, clock.wall), AuthenticationResult{0});
  clock.advance(1h - 1ms);
  EXPECT_EQ(gate.recall(shown, clock.wall), AuthenticationResult{0}) << "remembered";
  EXPECT_EQ(verify(shown).value(), AuthenticationResult{0});
  clock.advance(1ms);
  EXPECT_EQ(gate.recall(shown, clock.wall), AuthenticationResult{}) << "but no longer than it is valid";
  expect_nobody(verify(shown), ErrorCode::invalid_token);
  EXPECT_EQ(authenticator.scrypts(), 0U);
}

TEST_F(SecretVerifierTest, WithoutASecretAnywhereNothingIsHashed) {
  const std::vector<config::Client> by_certificate = {clients[0]};
  SecretVerifier other(by_certificate, tokens);
  AuthenticationCache its_gate(other);
  expect_nobody(verify(its_gate, {Kind::api_key, first_secret}));
  EXPECT_EQ(other.scrypts(), 0U);
}

/// 80 wrong keys at once, each worth a scrypt a client, turned away whoever signed in for the first time.
TEST_F(SecretVerifierTest, AFloodOfBareKeysKeepsNoClientThatTellsItsName) {
  std::vector<config::Client> many;
  for (int i = 0; i < 20; ++i) many.push_back(client_with("client-" + std::to_string(i), second_secret));
  many.push_back(client_with("first", first_secret));
  SecretVerifier flooded(many, tokens);
  AuthenticationCache its_gate(flooded);
  std::deque<std::string> secrets;
  std::vector<std::shared_ptr<Found>> wrong;
  for (int i = 0; i < 80; ++i) {
    secrets.push_back("no-such-secret-" + std::to_string(i));
    wrong.push_back(begin(its_gate, {Kind::api_key, secrets.back()}));
  }
  const std::string pair = basic("first", first_secret);
  const auto named = begin(its_gate, {Kind::basic, pair});
  run_until(named);
  ASSERT_TRUE(*named && **named) << "not turned away";
  EXPECT_EQ((*named)->value(), AuthenticationResult{20});
  const auto unanswered = std::ranges::count_if(wrong, [](const auto& one) { return !*one; });
  EXPECT_GT(unanswered, 0) << "not behind the flood";
  EXPECT_GE(std::ranges::count_if(wrong, is_overloaded), 1);
  EXPECT_LT(flooded.scrypts(), ScryptQueue::room_for_bare_keys * many.size());
  flooded.stop();
  context.run();
}

TEST_F(SecretVerifierTest, FindsTheSameForThoseWhoWaitTogether) {
  const std::string first = basic("first", first_secret);
  const std::string unknown = basic("unknown", first_secret);
  const std::string no_secret = basic("nightly", first_secret);
  const auto bare = begin(gate, {Kind::api_key, second_secret});
  const auto wrong_bare = begin(gate, {Kind::api_key, "no-such-secret-anywhere"});
  const auto of_unknown = begin(gate, {Kind::basic, unknown});
  const auto of_no_secret = begin(gate, {Kind::basic, no_secret});
  const auto of_first = begin(gate, {Kind::basic, first});
  context.run();
  EXPECT_EQ((*bare)->value(), AuthenticationResult{2});
  EXPECT_EQ((*of_first)->value(), AuthenticationResult{1});
  expect_nobody(**wrong_bare);
  expect_nobody(**of_unknown);
  expect_nobody(**of_no_secret);
  EXPECT_EQ(authenticator.scrypts(), 2U * 2 + 3U * 1);
}

/// A secret that was seen once costs no scrypt, and so waits for none.
TEST_F(SecretVerifierTest, WhoHasSignedInOnceWaitsForNobody) {
  const std::string pair = basic("first", first_secret);
  ASSERT_EQ(verify({Kind::basic, pair}).value(), AuthenticationResult{1});
  std::deque<std::string> pairs;
  for (int i = 0; i < 20; ++i) {
    pairs.push_back(basic("first", "no-such-secret-" + std::to_string(i)));
    begin(gate, {Kind::basic, pairs.back()});
  }
  AuthenticationCache another(authenticator);
  const auto again = begin(another, {Kind::basic, pair});
  context.restart();
  context.poll();
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->value(), AuthenticationResult{1});
  context.run();
}

TEST_F(SecretVerifierTest, TellsAllWhoWaitWhenItStops) {
  const std::vector<config::Client> dear = {client_with("first", first_secret, 14)};
  SecretVerifier slow(dear, tokens);
  AuthenticationCache its_gate(slow);
  std::deque<std::string> secrets;
  std::vector<std::shared_ptr<Found>> found;
  const auto overloaded = [&] { return std::ranges::count_if(found, is_overloaded); };
  // Far more than wait at the most, and than can be hashed while they come.
  constexpr std::size_t many = 8 * ScryptQueue::room_for_bare_keys;
  for (std::size_t i = 0; i < many; ++i) {
    secrets.push_back("no-such-secret-" + std::to_string(i));
    found.push_back(begin(its_gate, {Kind::api_key, secrets.back()}));
  }
  context.poll();
  const auto turned_away = overloaded();
  EXPECT_GT(turned_away, 0);
  EXPECT_LE(turned_away, static_cast<std::ptrdiff_t>(many - ScryptQueue::room_for_bare_keys));

  slow.stop();
  context.restart();
  context.run();
  EXPECT_GT(overloaded(), turned_away) << "those who waited, too";
  for (const auto& one : found) ASSERT_TRUE(one->has_value()) << "nobody waits for ever";
  const Result<AuthenticationResult> late = verify(its_gate, {Kind::api_key, first_secret});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::overloaded);
}

TEST_F(SecretVerifierTest, WhoWaitsMayBeGoneWhenItStops) {
  auto own = std::make_unique<boost::asio::io_context>(1);
  {
    SecretVerifier other(clients, tokens);
    AuthenticationCache its_gate(other);
    boost::asio::co_spawn(*own, its_gate.verify({Kind::api_key, first_secret}, clock.wall),
                          boost::asio::detached);
    own->poll();
  }
  own.reset();  // the answer that was posted to it goes with it
}

/// Each thread with its own gate and context, as client threads are.
TEST_F(SecretVerifierTest, ServesManyThreads) {
  const std::vector<std::pair<Presented, std::optional<std::size_t>>> shown = {
      {{Kind::api_key, first_secret}, 1},
      {{Kind::api_key, second_secret}, 2},
      {{Kind::api_key, "no-such-secret-anywhere"}, std::nullopt},
      {{Kind::api_key, "second:the-second-ones-secret"}, 2},
      {{Kind::api_key, "second:the-first-ones-secret"}, std::nullopt}};
  std::atomic<unsigned> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      boost::asio::io_context own(1);
      AuthenticationCache its_gate(authenticator);
      for (std::size_t i = 0; i < 100; ++i) {
        const auto& [one, client] = shown[(i + thread) % shown.size()];
        boost::asio::co_spawn(
            own, its_gate.verify(one, clock.wall),
            [&, expected = client](const std::exception_ptr&, const Result<AuthenticationResult>& found) {
              const auto got = found ? found->client : std::nullopt;
              wrong += got == expected ? 0U : 1U;
            });
        if (i % 10 == 9) {
          own.restart();
          own.run();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(authenticator.scrypts(), 3U * 2 + 2 * 1) << "two clients by the secret alone, one by name";
}

}  // namespace
}  // namespace roktcached::access
