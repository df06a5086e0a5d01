#include "server/access/authentication_memory.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/server/fake_clock.h"

namespace roktcached::access {
namespace {

using namespace std::chrono_literals;
using Kind = Presented::Kind;

Digest digest(unsigned value) {
  Digest made{};
  std::memcpy(made.data(), &value, sizeof(value));
  return made;
}

TEST(Digest, DependsOnAllThatIsShownAndOnTheKey) {
  Hmac hmac(config::Secret("one key"));
  Hmac other(config::Secret("another"));
  const Digest digest = digest_of({Kind::api_key, "abc"}, hmac);
  EXPECT_EQ(digest_of({Kind::api_key, "abc"}, hmac), digest) << "made once, used again";
  EXPECT_NE(digest_of({Kind::basic, "abc"}, hmac), digest);
  EXPECT_NE(digest_of({Kind::api_key, "abd"}, hmac), digest);
  EXPECT_NE(digest_of({Kind::api_key, ""}, hmac), digest);
  EXPECT_NE(digest_of({Kind::api_key, "abc"}, other), digest);
}

TEST(AuthenticationMemory, TakesOverWhatAnotherKnowsOfOneClient) {
  const WallTime now = FakeClock().wall;
  AuthenticationMemory before(8);
  before.remember(digest(1), 0, AuthenticationMemory::for_ever);
  before.remember(digest(2), 1, AuthenticationMemory::for_ever);
  before.remember_nobody(digest(3), now);
  before.remember(digest(4), 1, now + 1s);
  AuthenticationMemory memory(8);
  memory.take_over(5, before, 1);
  EXPECT_EQ(memory.recall(digest(2), now), AuthenticationResult{5});
  EXPECT_EQ(memory.recall(digest(1), now), std::nullopt);
  EXPECT_EQ(memory.recall(digest(3), now), std::nullopt) << "a new client may have it";
  EXPECT_EQ(memory.recall(digest(4), now + 999ms), AuthenticationResult{5});
  EXPECT_EQ(memory.recall(digest(4), now + 1s), std::nullopt) << "what ends, ends at its time";
}

TEST(Hmac, IsThatOfTheRfc) {  // RFC 4231, section 4.3
  Hmac hmac(config::Secret("Jefe"));
  const Hmac::Code code = hmac(std::string_view("what do ya want "), std::string_view("for nothing?"));
  EXPECT_EQ(code[0], 0x5b);
  EXPECT_EQ(code[1], 0xdc);
  EXPECT_EQ(code[30], 0x38);
  EXPECT_EQ(code[31], 0x43);
}

class VerdictMemoryTest : public testing::Test {
 protected:
  [[nodiscard]] std::optional<AuthenticationResult> recall(unsigned value) const {
    return memory.recall(digest(value), clock.wall);
  }

  AuthenticationMemory memory{4};
  FakeClock clock;
};

TEST_F(VerdictMemoryTest, KnowsWhatItWasTold) {
  EXPECT_EQ(recall(1), std::nullopt);
  memory.remember(digest(1), 7, AuthenticationMemory::for_ever);
  EXPECT_EQ(recall(1), AuthenticationResult{7});
  clock.advance(24h * 365);
  EXPECT_EQ(recall(1), AuthenticationResult{7});
}

TEST_F(VerdictMemoryTest, ForgetsAtTheTime) {
  memory.remember(digest(1), 7, clock.wall + 1h);
  clock.advance(1h - 1ms);
  EXPECT_EQ(recall(1), AuthenticationResult{7});
  clock.advance(1ms);
  EXPECT_EQ(recall(1), std::nullopt);
}

TEST_F(VerdictMemoryTest, NobodyIsRememberedForAFewSeconds) {
  memory.remember_nobody(digest(1), clock.wall);
  clock.advance(AuthenticationMemory::nobody_for - 1ms);
  EXPECT_EQ(recall(1), AuthenticationResult{});
  clock.advance(1ms);
  EXPECT_EQ(recall(1), std::nullopt);
  memory.remember_nobody(digest(1), clock.wall);
  EXPECT_EQ(recall(1), AuthenticationResult{}) << "the same one again";
}

TEST_F(VerdictMemoryTest, TheOldestGoesFirst) {
  for (unsigned value = 0; value < 6; ++value)
    memory.remember(digest(value), value, AuthenticationMemory::for_ever);
  EXPECT_EQ(recall(0), std::nullopt);
  EXPECT_EQ(recall(1), std::nullopt);
  for (unsigned value = 2; value < 6; ++value) EXPECT_EQ(recall(value), AuthenticationResult{value});
}

TEST_F(VerdictMemoryTest, TellingItAgainTakesNoFurtherPlace) {
  for (int i = 0; i < 10; ++i) memory.remember(digest(1), 7, AuthenticationMemory::for_ever);
  for (unsigned value = 2; value < 5; ++value)
    memory.remember(digest(value), value, AuthenticationMemory::for_ever);
  EXPECT_EQ(recall(1), AuthenticationResult{7});
  for (unsigned value = 2; value < 5; ++value) EXPECT_EQ(recall(value), AuthenticationResult{value});
}

TEST_F(VerdictMemoryTest, ManyWrongOnesPushNoRightOneOut) {
  memory.remember(digest(1), 7, AuthenticationMemory::for_ever);
  for (unsigned value = 100; value < 200; ++value) memory.remember_nobody(digest(value), clock.wall);
  EXPECT_EQ(recall(1), AuthenticationResult{7});
  for (unsigned value = 100; value < 200; ++value)
    EXPECT_EQ(recall(value).has_value(), value >= 196) << value << ": the last four";
}

}  // namespace
}  // namespace roktcached::access
