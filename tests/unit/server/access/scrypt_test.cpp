#include "server/access/scrypt.h"

#include <gtest/gtest.h>

#include "tests/unit/server/access/examples.h"

namespace roktcached::access {
namespace {

constexpr std::string_view right_secret = "correct-horse-battery";

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

TEST(Scrypt, IsThatOfTheRfc) {  // RFC 7914, section 12
  config::SecretHash hash;
  hash.log2_n = 10;
  hash.p = 16;
  hash.salt = "NaCl";
  hash.hash = from_hex(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
      "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_TRUE(matches(hash, "password"));
  EXPECT_FALSE(matches(hash, "Password"));
  hash.hash[63] ^= 1;
  EXPECT_FALSE(matches(hash, "password")) << "the last bit counts";
}

TEST(Scrypt, KnowsTheSecretAgain) {
  const auto hash = hash_secret(right_secret, cheap);
  EXPECT_EQ(hash.salt.size(), 16U);
  EXPECT_EQ(hash.hash.size(), 32U);
  EXPECT_TRUE(matches(hash, right_secret));
  for (const char* other : {"", "correct-horse-batterx", "correct-horse-batter", "correct-horse-battery "})
    EXPECT_FALSE(matches(hash, other)) << other;
}

TEST(Scrypt, SaltsEachHash) {
  EXPECT_NE(hash_secret(right_secret, cheap), hash_secret(right_secret, cheap));
}

TEST(Scrypt, TheDefaultIsWhatTheConfigurationReads) {
  const auto hash = hash_secret(right_secret);
  const auto read = config::parse_secret_hash(config::to_string(hash));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, hash);
  EXPECT_EQ(read->log2_n, 14U);
  EXPECT_TRUE(matches(*read, right_secret));
}

TEST(Scrypt, TheDearestThatMayBeConfiguredFitsIntoTheMemoryAskedFor) {
  auto hash = config::parse_secret_hash(
      "$scrypt$ln=10,r=32,p=16$MDEyMzQ1Njc$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY");
  ASSERT_TRUE(hash);
  EXPECT_FALSE(matches(*hash, right_secret)) << "and does not throw";
}

TEST(Scrypt, SaysWhyATextIsNoSecret) {
  EXPECT_FALSE(why_no_secret("0123456789abcdef"));
  EXPECT_FALSE(why_no_secret(std::string(1024, 'x')));
  EXPECT_TRUE(why_no_secret(std::string(1025, 'x')));
  EXPECT_TRUE(why_no_secret("0123456789abcde")) << "15 characters";
  for (const char* text : {"0123456789 abcdef", "0123456789\tabcdef",
                           "0123456789\x7f"
                           "abcdef",
                           "0123456789\xc3\xa9"
                           "abcdef",
                           "name:0123456789abcdef"})
    EXPECT_TRUE(why_no_secret(text)) << text;
}

}  // namespace
}  // namespace roktcached::access
