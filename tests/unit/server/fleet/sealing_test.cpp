#include "server/fleet/sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>

namespace roktcached::fleet {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr std::string_view app_id = "the-app";
constexpr std::string_view plain = "what nobody may read or change";
constexpr std::string_view bound_to = "key 17 0-0";

/// As Python's cryptography made it, with the nonce 00 01 .. 0b.
constexpr std::string_view sealed_by_version_1 =
    "01ae747541000102030405060708090a0b8320a6545b307b141e6042ecfb2ec9d064bb47ad51e8cf"
    "5d0397350e9bc631410a622b665033219b2687a754efd7";

Sealer sealer(const std::vector<std::string_view>& secrets, std::string_view purpose = "entry") {
  return {secrets, app_id, purpose};
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer one = sealer({"secret"});
  const Sealer other = sealer({"secret"});
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U, 4U << 20U}) {
    const std::string text(size, 'x');
    const std::string sealed = one.seal(text, bound_to);
    EXPECT_EQ(sealed.size(), size + Sealer::overhead);
    EXPECT_EQ(other.open(sealed, bound_to), text) << size;
    EXPECT_EQ(other.open(one.seal(text, ""), ""), text) << size;
  }
}

TEST(Sealer, ShowsNothingAndRepeatsNothing) {
  const Sealer one = sealer({"secret"});
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string sealed = one.seal(plain, bound_to);
    EXPECT_THAT(sealed, Not(HasSubstr(plain.substr(0, 4))));
    EXPECT_TRUE(seen.insert(sealed).second);
  }
}

TEST(Sealer, OpensNothingOfAnotherSecretPurposeOrAppId) {
  const std::string sealed = sealer({"secret"}).seal(plain, bound_to);
  EXPECT_FALSE(sealer({"another"}).open(sealed, bound_to));
  EXPECT_FALSE(sealer({"secret"}, "token").open(sealed, bound_to));
  EXPECT_FALSE(Sealer({"secret"}, "the-ap", "entry").open(sealed, bound_to));
}

// While a secret is renewed, instances have the old one, both, or the new one.
TEST(Sealer, SealsWithItsFirstSecretAndOpensWithEach) {
  const Sealer old = sealer({"old"});
  const Sealer between = sealer({"old", "new"});
  const Sealer after = sealer({"new", "old"});
  const Sealer renewed = sealer({"new"});
  for (const Sealer* const opener : {&old, &between, &after})
    EXPECT_EQ(opener->open(between.seal(plain, bound_to), bound_to), plain);
  for (const Sealer* const opener : {&between, &after, &renewed})
    EXPECT_EQ(opener->open(after.seal(plain, bound_to), bound_to), plain);
  EXPECT_FALSE(old.open(after.seal(plain, bound_to), bound_to));
  EXPECT_FALSE(renewed.open(between.seal(plain, bound_to), bound_to));
}

/// An envelope names its key in four bytes, which two of these secrets have in common.
TEST(Sealer, OpensWithEachSecretAlsoWhereTheyAreNamedAlike) {
  const Sealer old = sealer({"secret-16428"});
  const std::string sealed = old.seal(plain, bound_to);
  const auto name_in = [](const std::string& envelope) { return envelope.substr(1, 4); };
  ASSERT_EQ(name_in(sealed), name_in(sealer({"secret-19943"}).seal(plain, bound_to)));
  EXPECT_EQ(sealer({"secret-19943", "secret-16428"}).open(sealed, bound_to), plain);
  EXPECT_FALSE(sealer({"secret-19943"}).open(sealed, bound_to));
}

TEST(Sealer, OpensWithWhatItWasBoundToAlone) {
  const Sealer one = sealer({"secret"});
  const std::string sealed = one.seal(plain, bound_to);
  for (const std::string_view other : {"", "key 17 0-", "key 17 0-00", "key 18 0-0", "Key 17 0-0"})
    EXPECT_FALSE(one.open(sealed, other)) << other;
  EXPECT_FALSE(one.open(one.seal(plain, ""), bound_to));
}

TEST(Sealer, NoticesEachBitThatWasChanged) {
  const Sealer one = sealer({"secret", "other"});
  const std::string sealed = one.seal(plain, bound_to);
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ (1U << bit % 8));
    EXPECT_FALSE(one.open(changed, bound_to)) << bit;
  }
  EXPECT_EQ(ERR_peek_error(), 0U) << "an error is left for whoever comes next";
  EXPECT_EQ(one.open(sealed, bound_to), plain);
}

TEST(Sealer, NoticesEachByteThatIsMissingOrTooMuch) {
  const Sealer one = sealer({"secret"});
  const std::string sealed = one.seal(plain, bound_to);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(one.open(sealed.substr(0, size), bound_to)) << size;
    EXPECT_FALSE(one.open(sealed.substr(sealed.size() - size), bound_to)) << size;
  }
  EXPECT_FALSE(one.open(sealed + '\0', bound_to));
}

// Whoever writes to the engine may put one entry in the place of another.
TEST(Sealer, AnEnvelopeIsOfNoUseInAnothersPlace) {
  const Sealer one = sealer({"secret"});
  const std::string first = one.seal("first", "key 1");
  const std::string second = one.seal("other", "key 2");
  EXPECT_FALSE(one.open(second, "key 1"));
  EXPECT_FALSE(one.open(first, "key 2"));
  EXPECT_FALSE(one.open(first.substr(0, 17) + second.substr(17), "key 1"));
  EXPECT_FALSE(one.open(first.substr(0, first.size() - 16) + second.substr(second.size() - 16), "key 1"));
}

TEST(Sealer, NeedsASecret) {
  EXPECT_THROW(sealer({}), std::invalid_argument);
}

TEST(Sealer, GoesOnWhereItWasMovedTo) {
  Sealer one = sealer({"secret"});
  const std::string sealed = one.seal(plain, bound_to);
  const Sealer moved = std::move(one);
  EXPECT_EQ(moved.open(sealed, bound_to), plain);
}

// A fleet's instances may run different versions: what was sealed once opens for ever.
TEST(Sealer, OpensWhatWasSealedByTheFirstVersion) {
  std::string sealed;
  for (std::size_t at = 0; at < sealed_by_version_1.size(); at += 2)
    sealed += static_cast<char>(std::stoi(std::string(sealed_by_version_1.substr(at, 2)), nullptr, 16));
  EXPECT_EQ(sealer({"secret"}).open(sealed, bound_to), plain);
}

TEST(KeyPrefix, IsOfTheCredentialAndTheUpstream) {
  const std::string prefix = key_prefix(app_id, "https://api.rokt.com");
  EXPECT_THAT(prefix, MatchesRegex("rk1:\\{[0-9a-f]{32}\\}:"));
  EXPECT_EQ(prefix, "rk1:{f28c41d30c956a95017d76326db97652}:") << "instances of another version";
  EXPECT_NE(key_prefix("the-app2", "https://api.rokt.com"), prefix);
  EXPECT_NE(key_prefix(app_id, "https://api.rokt.com:444"), prefix);
}

TEST(Names, AreOfTheKeyAndTheCredential) {
  const std::string key = "default /reporting/accounts/1234567/summary?dateStart=2024-01-01 LATEST";
  const Names names(app_id);
  EXPECT_THAT(names.of(key), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(names.of(key), names.of(key)) << "one name does not touch the next";
  EXPECT_EQ(names.of(key), "78050fc8f1c72a93e7f42da90fad3f6a") << "instances of another version";
  EXPECT_NE(names.of(key + " "), names.of(key));
  EXPECT_NE(names.of(""), names.of(key));
  EXPECT_NE(Names("another").of(key), names.of(key));
  EXPECT_NE("rk1:{" + names.of("https://api.rokt.com") + "}:", key_prefix(app_id, "https://api.rokt.com"));
}

}  // namespace
}  // namespace roktcached::fleet
