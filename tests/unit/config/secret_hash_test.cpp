#include "config/secret_hash.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace roktcached::config {
namespace {

const std::string salt = "AAECAwQFBgcICQoLDA0ODw";                       // 0 to 15
const std::string hash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";  // 0 to 31

std::string counting(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string text_of(const std::string& costs) {
  return "$scrypt$" + costs + "$" + salt + "$" + hash;
}

TEST(SecretHashes, HaveCostsSaltAndHash) {
  const auto read = parse_secret_hash(text_of("ln=15,r=9,p=2"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (SecretHash{15, 9, 2, counting(16), counting(32)}));
  EXPECT_EQ(read->memory(), 128U * 9 * 32768);
}

TEST(SecretHashes, AreWrittenAsTheyAreRead) {
  for (std::size_t salt_size = 8; salt_size <= 64; ++salt_size) {
    for (std::size_t hash_size = 32; hash_size <= 64; ++hash_size) {
      const SecretHash value{14, 8, 1, counting(salt_size), counting(hash_size)};
      EXPECT_EQ(parse_secret_hash(to_string(value)), value) << salt_size << ' ' << hash_size;
    }
  }
  EXPECT_EQ(to_string(SecretHash{14, 8, 1, counting(16), counting(32)}), text_of("ln=14,r=8,p=1"));
}

TEST(SecretHashes, AreNeitherTooWeakNorTooDear) {
  for (const char* costs : {"ln=10,r=1,p=1", "ln=18,r=8,p=1", "ln=20,r=2,p=16", "ln=16,r=32,p=16"}) {
    EXPECT_TRUE(parse_secret_hash(text_of(costs)).has_value()) << costs;
  }
  for (const char* costs :
       {"ln=9,r=8,p=1", "ln=21,r=1,p=1", "ln=14,r=0,p=1", "ln=14,r=33,p=1", "ln=14,r=8,p=0", "ln=14,r=8,p=17",
        "ln=18,r=9,p=1", "ln=19,r=8,p=1", "ln=20,r=3,p=1", "ln=17,r=32,p=1"}) {
    EXPECT_EQ(parse_secret_hash(text_of(costs)), std::nullopt) << costs;
  }
  for (const std::size_t size : {0U, 7U, 65U}) {
    EXPECT_EQ(parse_secret_hash(to_string(SecretHash{14, 8, 1, counting(size), counting(32)})), std::nullopt)
        << "salt of " << size;
  }
  for (const std::size_t size : {0U, 31U, 65U}) {
    EXPECT_EQ(parse_secret_hash(to_string(SecretHash{14, 8, 1, counting(16), counting(size)})), std::nullopt)
        << "hash of " << size;
  }
}

TEST(SecretHashes, HaveOneSpellingOfTheirCosts) {
  for (const char* costs : {"",
                            "ln=14",
                            "ln=14,r=8",
                            "r=8,ln=14,p=1",
                            "ln=14,p=1,r=8",
                            "ln=14,r=8,p=1,x=1",
                            "ln=014,r=8,p=1",
                            "ln=14,r=08,p=1",
                            "ln=+14,r=8,p=1",
                            "ln= 14,r=8,p=1",
                            "ln=14, r=8,p=1",
                            "ln=14,r=8,p=1 ",
                            "ln=1e1,r=8,p=1",
                            "LN=14,r=8,p=1",
                            "ln=,r=8,p=1",
                            "ln=-14,r=8,p=1",
                            "ln=4294967310,r=8,p=1",
                            "ln=99999999999999999999,r=8,p=1",
                            "v=1$ln=14,r=8,p=1",
                            "n=16384,r=8,p=1"}) {
    EXPECT_EQ(parse_secret_hash(text_of(costs)), std::nullopt) << costs;
  }
}

TEST(SecretHashes, RefuseEverythingElse) {
  const std::string good = text_of("ln=14,r=8,p=1");
  for (const std::string& text :
       {std::string(), std::string("hunter2"), std::string("$"), std::string("$scrypt$"), good.substr(1),
        good + "$", good + " ", " " + good, good + "\n", good + "\r\n", "$$" + good,
        std::string("$argon2id$v=19$m=65536,t=2,p=1$") + salt + "$" + hash,
        std::string("$SCRYPT$ln=14,r=8,p=1$") + salt + "$" + hash,
        std::string("$scrypt$ln=14,r=8,p=1$") + salt, std::string("$scrypt$ln=14,r=8,p=1$$") + hash,
        std::string("$scrypt$ln=14,r=8,p=1$") + salt + "$", good + std::string(100'000, 'A')}) {
    EXPECT_EQ(parse_secret_hash(text), std::nullopt) << text.substr(0, 200);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(parse_secret_hash(good.substr(0, size)), std::nullopt) << size;
  }
}

// RFC 4648, section 3.5: bits that stand for nothing are zero. Two texts for one hash would be two keys.
TEST(SecretHashes, AreInOneSpellingOfBase64) {
  const std::string costs = "$scrypt$ln=14,r=8,p=1$";
  for (const std::string other_salt :
       {"AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0OD",
        "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQF gcICQoLDA0ODw", "AAECAwQF\ngcICQoLDA0ODw",
        "\nAECAwQFBgcICQoLDA0ODw", "AAECAwQF-gcICQoLDA0ODw", "AAECAwQF_gcICQoLDA0ODw",
        "AAECAwQF=gcICQoLDA0ODw", "AAECAwQF.gcICQoLDA0ODw", "AAECAwQF\xffgcICQoLDA0ODw"}) {
    EXPECT_EQ(parse_secret_hash(costs + other_salt + "$" + hash), std::nullopt) << other_salt;
  }
  EXPECT_TRUE(parse_secret_hash(costs + "AAECAwQF+gcICQoLDA0/Dw$" + hash).has_value());
}

// A text is what a person pasted: no text may be read past its end.
TEST(SecretHashes, AreReadFromAViewWithoutAZeroAfterIt) {
  const std::string good = text_of("ln=14,r=8,p=1");
  const std::string longer = good + "AAAA";
  EXPECT_TRUE(parse_secret_hash(std::string_view(longer).substr(0, good.size())).has_value());
}

}  // namespace
}  // namespace roktcached::config
