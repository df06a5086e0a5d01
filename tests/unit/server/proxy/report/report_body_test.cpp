#include "server/proxy/report/report_body.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::proxy {
namespace {

using namespace std::string_literals;

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(IsWholeJson, TakesEveryShapeOfAReport) {
  for (const std::string& body : {
           R"({})"s,
           R"([])"s,
           R"({"revenue":1.5,"rows":[{"a":null},{"b":true}]})"s,
           "\r\n {\"a\":1} \t\r\n"s,
           R"({"a":1},{"b":2})"s,  // the API page's histogram
           "{\"a\":1} ,\n {\"b\":2}"s,
           "{\"a\":1}\n{\"b\":2}\n"s,  // one a line
           R"({"a":1}{"b":2}[])"s,
           "\xef\xbb\xbf{\"a\":1}"s,  // as programs on Windows write
           "\xef\xbb\xbf \n[1]"s,
           R"({"a":-0.0e-10,"b":123456789012345678901234567890})"s,
           "{\"name\":\"caf\xe9\"}"s,  // Latin-1
           "{\"name\":\"\xf0\x9f\x98\x80\"}"s,
           R"({"name":"\ud83d\ude00"})"s,
           R"({"name":"\ud83d"})"s,  // a text cut to a length, as JavaScript writes it
           R"({"name":"\uDE00\uD83D and \\ud83d more text"})"s,
           R"(["\ud83d\u0041"])"s,
           R"({"":{"":[]}})"s,
           nested(128),
       })
    EXPECT_TRUE(is_whole_json(body)) << body;
}

TEST(IsWholeJson, TakesNothingElse) {
  for (const std::string& body : {
           ""s,
           " \r\n"s,
           "\xef\xbb\xbf"s,
           "null"s,
           "true"s,
           "17"s,
           "\"words\""s,
           "words"s,
           "<!DOCTYPE html><html><body>Sign in</body></html>"s,
           "<?xml version=\"1.0\"?><report/>"s,
           R"({"a":1)"s,
           R"({"a":1},)"s,
           R"({"a":1},{"b":)"s,
           R"([1,2)"s,
           R"({"a":"cut of)"s,
           R"({"a":12)"s,
           R"(,{"a":1})"s,
           R"({"a":1},,{"b":2})"s,
           R"({"a":1};{"b":2})"s,
           R"({"a":1},17)"s,
           R"({"a":1} words)"s,
           R"([1,2] <html>)"s,
           R"({"a":NaN})"s,
           R"({"a":Infinity})"s,
           R"({a:1})"s,
           R"({'a':1})"s,
           R"([1,])"s,
           R"({"a":1,})"s,
           R"([01])"s,
           "[\"a\nb\"]"s,
           R"(["\x"])"s,
           R"(["\ud8"])"s,
           R"(["\ud83x"])"s,
           R"(["\ud83d)"s,
           "/* a report */ {}"s,
           "{\"a\":1}\0"s,
           "\0"s,
           "callback({\"a\":1})"s,
           ")]}',\n{\"a\":1}"s,
           "date,revenue\n2026-01-01,12\n"s,
           "\x1f\x8b\x08"s,
           "\xfe\xff\0{\0}"s,
           nested(129),
           std::string(1 << 20, '['),
       })
    EXPECT_FALSE(is_whole_json(body)) << body.substr(0, 100);
}

TEST(IsWholeJson, TakesNoBeginningOfAReport) {
  const std::string whole =
      "\xef\xbb\xbf [{\"name\":\"\\ud83d\\ude00\",\"n\":[-1.5e3,true,null]} ] ,\n{\"b\":{}}";
  ASSERT_TRUE(is_whole_json(whole));
  const std::size_t first = whole.find(']', whole.find("} ]")) + 1;  // where the first of the two ends
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const bool ends_behind_the_first = size == first || size == first + 1;
    EXPECT_EQ(is_whole_json(std::string_view(whole).substr(0, size)), ends_behind_the_first) << size;
  }
}

TEST(ReportBodyReader, ReadsInPiecesAsItReadsAtOnce) {
  using State = ReportBodyReader::State;
  const std::string whole = "[{\"n\":[-1.5e3,true,null]} ] ,\n{\"b\":{}} \n";
  for (std::size_t size = 1; size <= whole.size(); ++size) {
    ReportBodyReader reader;
    for (std::size_t at = 0; at < whole.size(); at += size) {
      reader.read(std::string_view(whole).substr(at, size));
      const std::string_view so_far = std::string_view(whole).substr(0, at + size);
      EXPECT_EQ(reader.state(), is_whole_json(so_far) ? State::whole : State::incomplete) << so_far;
    }
    EXPECT_EQ(reader.state(), State::whole) << size;
    reader.read(",");
    EXPECT_EQ(reader.state(), State::incomplete) << "one more is announced";
    reader.read("<html>");
    EXPECT_EQ(reader.state(), State::invalid);
    reader.read("{}");
    EXPECT_EQ(reader.state(), State::invalid) << "and stays so";
  }
  EXPECT_EQ(ReportBodyReader().state(), State::incomplete);
}

TEST(MayBeginJson, LooksAtTheFirstOctets) {
  for (const char* const begins : {"{", "[", " \r\n{\"a", "\xef\xbb\xbf[", "{<html>"})
    EXPECT_TRUE(may_begin_json(begins)) << begins;
  for (const char* const not_so : {"", "<html>", "\"a", "1", "\xef\xbb", "words {"})
    EXPECT_FALSE(may_begin_json(not_so)) << not_so;
}

}  // namespace
}  // namespace roktcached::proxy
