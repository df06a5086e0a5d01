#include "core/ascii.h"

#include <gtest/gtest.h>

namespace roktcached {

namespace {

TEST(Ascii, LettersAndDigitsAreThoseOfAsciiAlone) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    const auto place = letters.find(c);
    EXPECT_EQ(is_lower(c), place < 26) << octet;
    EXPECT_EQ(is_upper(c), place >= 26 && place < 52) << octet;
    EXPECT_EQ(is_letter_or_digit(c), place < 52 || is_digit(c)) << octet;
    EXPECT_EQ(is_digit(c), std::string_view("0123456789").find(c) != std::string_view::npos) << octet;
  }
}

TEST(Ascii, DigitsAreOneOrMore) {
  EXPECT_TRUE(are_digits("0"));
  EXPECT_TRUE(are_digits("0123456789"));
  EXPECT_FALSE(are_digits(""));
  EXPECT_FALSE(are_digits("-1"));
  EXPECT_FALSE(are_digits("1 "));
}

TEST(Ascii, CaseChangesOfLettersAlone) {
  EXPECT_EQ(lower_case("AbZ@[`{09\xc3\x84"), "abz@[`{09\xc3\x84");
  EXPECT_EQ(to_upper('a'), 'A');
  EXPECT_EQ(to_upper('z'), 'Z');
  EXPECT_EQ(to_upper('{'), '{');
  EXPECT_EQ(to_upper('`'), '`');
}

}  // namespace

}  // namespace roktcached
