#include "core/http/field_section.h"

#include <gtest/gtest.h>

#include "core/http/octets.h"

namespace roktcached::http {
namespace {

TEST(Octets, AreOfTheClassesOfTheirGrammars) {  // an independent spelling of RFC 9110, sections 5.5 and 5.6
  const std::string marks = "!#$%&'*+-.^_`|~";
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    const bool decimal = octet >= '0' && octet <= '9';
    const bool letter = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
    const bool visible = octet >= 33 && octet <= 126;
    const bool field = octet == 9 || octet == 32 || visible || octet >= 128;
    EXPECT_EQ(is(Octet::digit, c), decimal) << octet;
    EXPECT_EQ(is(Octet::tchar, c), decimal || letter || (octet != 0 && marks.find(c) != std::string::npos))
        << octet;
    EXPECT_EQ(is(Octet::vchar, c), visible) << octet;
    EXPECT_EQ(is(Octet::field_octet, c), field) << octet;
    EXPECT_EQ(is(Octet::qdtext, c), field && octet != '"' && octet != '\\') << octet;
    EXPECT_EQ(is(Octet::hex_digit, c), octet < 128 && isxdigit(octet) != 0) << octet;
    EXPECT_EQ(is(Octet::space_or_tab, c), octet == 9 || octet == 32) << octet;
  }
}

TEST(FieldSectionScan, BeginsWhereItIsTold) {
  FieldSectionScan scan(1);
  std::size_t at = 3;
  const auto whole = scan.scan("???A: b\r\n\r\nmore", at);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(*whole);
  EXPECT_EQ(at, 11U);
}

/// However the section is cut, and though the bytes may have moved since.
TEST(FieldSectionScan, SaysWhereTheLinesStand) {
  const std::string bytes = "??A: b\r\nX-Empty:\r\nBlank: \t \r\nX:\t a b \t\r\na:c\r\n\r\nD: e\r\n";
  const std::vector<FieldLine> expected = {
      {"A", "b"}, {"X-Empty", ""}, {"Blank", ""}, {"X", "a b"}, {"a", "c"}};
  for (std::size_t cut = 2; cut < bytes.size(); ++cut) {
    FieldSectionScan scan(5);
    for (int twice = 0; twice < 2; ++twice, scan.reset()) {
      std::size_t at = 2;
      ASSERT_TRUE(scan.scan(bytes.substr(0, cut), at));
      const auto whole = scan.scan(bytes, at);
      ASSERT_TRUE(whole && *whole);
      ASSERT_EQ(scan.places().size(), expected.size()) << cut;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(scan.places()[i].in(bytes).name, expected[i].name) << cut;
        EXPECT_EQ(scan.places()[i].in(bytes).value, expected[i].value) << cut;
      }
    }
  }
}

TEST(FieldLines, AreFoundByNameInAnyCase) {
  const std::vector<FieldLine> fields = {{"Accept", "a"}, {"X", "1"}, {"ACCEPT", ""}, {"accept", "b"}};
  EXPECT_EQ(find(fields, "accept"), "a");
  EXPECT_EQ(find(fields, "x"), "1");
  EXPECT_EQ(find(fields, "Accept-"), std::nullopt);
}

TEST(FieldLines, ListTokensInAnyCase) {
  const std::vector<FieldLine> fields = {
      {"Connection", "a,, Keep-Alive ,b"}, {"Connection", "close"}, {"X", "c"}};
  for (const char* token : {"a", "keep-alive", "B", "CLOSE"}) EXPECT_TRUE(lists(fields, "connection", token));
  for (const char* other : {"keep", "alive", "c", "a,", "close "})
    EXPECT_FALSE(lists(fields, "connection", other));
}

}  // namespace
}  // namespace roktcached::http
