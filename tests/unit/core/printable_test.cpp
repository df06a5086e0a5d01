#include "core/printable.h"

#include <gtest/gtest.h>

namespace roktcached {
namespace {

TEST(Printable, TextStaysAsItIs) {
  for (const char* text :
       {"", "plain text ~!", "Zo\u00eb", "\u00a0", "\u00db", "\u20ac", "\U0001f600", "\ufffd"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(printable("a\x1b[2Jb\x7f"
                      "c\r\n\td"),
            "a [2Jb c   d");
  EXPECT_EQ(printable("a\u0080\u009b31mb\u009f"), "a  31mb ") << "CSI and its like in UTF-8";
  EXPECT_EQ(printable(std::string_view("\0x", 2)), " x");
}

TEST(Printable, WhatIsNoUtf8BecomesQuestionMarks) {
  EXPECT_EQ(printable("a\x9b"
                      "31m"),
            "a?31m")
      << "CSI on some terminals";
  EXPECT_EQ(printable("\xc3"), "?") << "cut off";
  EXPECT_EQ(printable("\xe2\x82x"), "??x");
  EXPECT_EQ(printable("\xc0\x9b"), "??") << "a longer form than need be";
  EXPECT_EQ(printable("\xe0\x82\x9b"), "???") << "likewise";
  EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80\xff"), "?????") << "beyond Unicode";
  EXPECT_EQ(printable("\xc3\x1b"), "? ") << "the escape is seen";
}

TEST(Printable, LinesKeepTheirEnds) {
  EXPECT_EQ(printable_lines("a\x1b\nb\x9b\n"), "a \nb?\n");
  EXPECT_EQ(printable_lines(""), "");
}

TEST(Printable, JsonReadsTheSame) {
  EXPECT_EQ(printable_json("{\"a\":\"\u009b31m\x7fZo\u00eb\\u001b\"}\n"),
            "{\"a\":\"\\u009b31m\\u007fZo\u00eb\\u001b\"}\n");
  EXPECT_EQ(printable_json("{\t\"a\": 1\r\n}"), "{\t\"a\": 1\r\n}");
}

}  // namespace
}  // namespace roktcached
