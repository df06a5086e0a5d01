#include "core/base64.h"

#include <gtest/gtest.h>

namespace roktcached {
namespace {

TEST(Base64, IsThatOfTheRfc) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> examples[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64url(bytes), text);
    EXPECT_EQ(from_base64url(text), bytes);
  }
}

TEST(Base64, EveryOctetComesBack) {
  std::string bytes;
  for (int octet = 0; octet < 256; ++octet) bytes += static_cast<char>(octet);
  EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
}

TEST(Base64, OneSpellingOnlyIsRead) {
  for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", " Zm9v", "Zm9v\n", "Zm9vZ", "Zm.v"})
    EXPECT_EQ(from_base64url(text), std::nullopt) << text;
}

TEST(Base64, IsWrittenWithItsPadding) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"},
                                                          {"\xfb\xff\xfe", "+//+"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, ThatOfBasicIsPaddedOrNot) {
  EXPECT_EQ(from_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(from_base64("Zm9vYg"), "foob");
  EXPECT_EQ(from_base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(from_base64("+//+"), "\xfb\xff\xfe");
  for (const char* text :
       {"=", "====", "Zg=", "Zg===", "Zm9v=", "Zm9v==", "Zg==Zg==", "Z===", "-__-", "Zh=="})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace roktcached
