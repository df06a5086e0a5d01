#include <gtest/gtest.h>

#include "tests/unit/server/http/content_parser.h"

namespace roktcached::http {
namespace {

using namespace std::string_literals;
using TrailerNames = ChunkGate::TrailerNames;

constexpr Framing in_chunks{Framing::Kind::chunked, 0};

struct Verdict {
  std::string content;
  bool done = false;
  std::optional<ErrorCode> refused;
  std::string why;
  std::size_t taken = 0;  ///< up to the end, or with the piece that was refused

  bool operator==(const Verdict& other) const {
    return content == other.content && done == other.done && refused == other.refused && why == other.why &&
           (!done || taken == other.taken);
  }
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  return out << verdict.content.size() << " bytes of content, "
             << (verdict.done      ? "done"
                 : verdict.refused ? verdict.why
                                   : "more is needed");
}

/// Feeds `text` in pieces of `size` bytes.
Verdict decode(std::string_view text, std::size_t size, TrailerNames trailer_names) {
  ContentParser decoder(in_chunks, trailer_names);
  Verdict verdict;
  while (verdict.taken < text.size() && !verdict.done) {
    const std::string piece(text.substr(verdict.taken, size));
    for (std::size_t at = 0; at < piece.size() && !verdict.done;) {
      const auto step = decoder.next(std::string_view(piece).substr(at));
      if (!step) {
        verdict.refused = step.error().code;
        verdict.why = step.error().context;
        verdict.taken += piece.size();
        return verdict;
      }
      if (step->consumed == 0) {
        ADD_FAILURE() << "stuck";
        return verdict;
      }
      verdict.content += step->content;
      verdict.done = decoder.done();
      at += step->consumed;
      if (verdict.done) verdict.taken += at;
    }
    if (!verdict.done) verdict.taken += piece.size();
  }
  return verdict;
}

/// The verdict on `text`, which is the same however it is cut.
Verdict decode(const std::string& text, TrailerNames trailer_names = TrailerNames::limited) {
  const Verdict verdict = decode(text, 1, trailer_names);
  for (const std::size_t size :
       {std::size_t{2}, std::size_t{3}, std::size_t{5}, std::size_t{64}, text.size()})
    EXPECT_EQ(verdict, decode(text, std::max<std::size_t>(size, 1), trailer_names)) << text.substr(0, 400);
  return verdict;
}

void expect_content(const std::string& text, const std::string& content,
                    TrailerNames trailer_names = TrailerNames::limited) {
  const Verdict verdict = decode(text + "GET / HTTP/1.1\r\n", trailer_names);
  EXPECT_TRUE(verdict.done) << text << verdict;
  EXPECT_EQ(verdict.taken, text.size()) << text;
  EXPECT_EQ(verdict.content, content) << text;
}

/// Refused, and by the last byte: without it, more was needed.
void expect_refused_at_end(const std::string& text, ErrorCode code = ErrorCode::invalid_request) {
  const Verdict verdict = decode(text + "\r\n\r\n");
  EXPECT_EQ(verdict.refused, code) << text.substr(0, 400) << verdict;
  EXPECT_EQ(verdict.taken, text.size()) << text.substr(0, 400) << verdict;
  EXPECT_FALSE(verdict.why.empty());
}

/// Refused at the end of its line, or before.
void expect_line_refused(const std::string& text) {
  const Verdict verdict = decode(text + "\r\n\r\n");
  EXPECT_EQ(verdict.refused, ErrorCode::invalid_request) << text << verdict;
  EXPECT_LE(verdict.taken, text.size() + 2) << text << verdict;
  EXPECT_FALSE(verdict.why.empty());
}

TEST(Chunks, AreReadToTheirEnd) {  // RFC 9112, section 7.1
  expect_content("0\r\n\r\n", "");
  expect_content("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world");
  expect_content("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n");
  expect_content("1\r\n\0\r\n00\r\n\r\n"s, "\0"s);
}

TEST(Chunks, HaveSizesInHexadecimal) {
  expect_content("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789");
  const std::string long_one(0x1fF, 'x');
  expect_content("1fF\r\n" + long_one + "\r\n0\r\n\r\n", long_one);
  for (const char* text :
       {"\r", "\n", " ", "\t", ";", "g", "-", "+", "x", "5x", "0x", "5\n", "5\rx", "5\r\r", "\x80"})
    expect_refused_at_end(text);
  expect_refused_at_end("5\0"s);
}

TEST(Chunks, HaveSizesOfOneToEightDigitsBehindTheirZeros) {
  expect_content("00000001\r\nx\r\n00000000\r\n\r\n", "x");
  expect_content("000000001\r\nx\r\n000000000\r\n\r\n", "x");
  expect_content(std::string(200, '0') + "1\r\nx\r\n" + std::string(256, '0') + "\r\n\r\n", "x");
  expect_refused_at_end("100000000");
  expect_refused_at_end("0000100000000");
  expect_refused_at_end(std::string(257, '0'));
  const Verdict largest = decode("ffffffff\r\nabc");
  EXPECT_EQ(largest.content, "abc");
  EXPECT_FALSE(largest.done || largest.refused);
}

TEST(Chunks, EndInCrlf) {
  for (const char* text : {"1\r\nxx", "1\r\nx\n", "1\r\nx\rx", "1\r\nx\r\r", "1\r\nx0", "1\r\nx\r\n\r"})
    expect_refused_at_end(text);
}

TEST(Chunks, MayHaveExtensions) {  // RFC 9112, section 7.1.1
  for (const char* extensions :
       {";a", ";a=b", ";a=\"b\"", ";a=\"\"", ";a;b=c;d=\"e\"", ";a=\" \t;=,\\\"\\\\\\a\xe9\"", " ;a",
        "\t ; \ta = \tb ;c", ";a =\"b\" ;c", ";!#$%&'*+-.^_`|~=09azAZ"}) {
    expect_content("1"s + extensions + "\r\nx\r\n0" + extensions + "\r\n\r\n", "x");
  }
}

TEST(Chunks, HaveExtensionsOfTheGrammarOnly) {
  for (const char* text : {"1;\r",       "1; \r",      "1;=",          "1;;",         "1;a=\r",   "1;a=;",
                           "1;a==",      "1;a=b=",     "1;a=\"b\"c",   "1;a=\"b\"\"", "1;a=\"\r", "1;a=\"\n",
                           "1;a=\"\\\r", "1;a=\"\x01", "1;a=\"\\\x7f", "1;a\n",       "1;a=b\n",  "1;a/",
                           "1;a=/",      "1 \r",       "1 2",          "1\t\r",       "1;a \r",   "1;a b",
                           "1;a=b \r",   "1;a=b c",    "1;a=\"b\" \r", "1 =",         "1=",       "1;\"",
                           "1;a=\"b\"=", "1;a,",       "1;\x80",       "1;a=\x80"})
    expect_line_refused(text);
  for (const char* text : {"1;a=\"\n", "1;a=\"\x01", "1;a=\"\\\x7f", "1;a\n", "1;a=b\n", "1="})
    expect_refused_at_end(text);
}

TEST(Chunks, HaveLinesOf256BytesAtMost) {
  const std::string longest = "1;" + std::string(254, 'a');
  expect_content(longest + "\r\nx\r\n0;" + std::string(254, 'b') + "\r\n\r\n", "x");
  expect_refused_at_end(longest + "a");
  expect_refused_at_end("1;a=\"" + std::string(252, ' '));
}

TEST(Chunks, OfOneByteMayBeAsManyAsYouLike) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "00000001\r\nx\r\n";
  expect_content(text + "0\r\n\r\n", std::string(20'000, 'x'));
}

TEST(Chunks, BringTheirExtensionsInProportionToTheContent) {
  // Such a chunk costs 253 bytes beyond its data, of which 16 are free: 69 of them are within 16 KiB.
  const std::string chunk = "1;" + std::string(247, 'a') + "\r\nx\r\n";
  ASSERT_EQ(chunk.size(), 254U);
  std::string text;
  for (int i = 0; i < 69; ++i) text += chunk;
  expect_content(text + "0\r\n\r\n", std::string(69, 'x'));
  EXPECT_EQ(decode(text + chunk + "0\r\n\r\n").refused, ErrorCode::invalid_request);

  // Content makes good for it, but not in advance of more than 16 KiB.
  const std::string large = "1000\r\n" + std::string(0x1000, 'y') + "\r\n";
  expect_content(
      large + large + text + large + text + "0\r\n\r\n",
      std::string(0x2000, 'y') + std::string(69, 'x') + std::string(0x1000, 'y') + std::string(69, 'x'));
  EXPECT_EQ(decode(large + large + text + chunk + "0\r\n\r\n").refused, ErrorCode::invalid_request);
}

TEST(Trailers, AreReadAndDropped) {  // RFC 9112, section 7.1.2
  expect_content("1\r\nx\r\n0\r\nServer-Timing: a\r\nETag: \"b\"\r\nX:\r\n\r\n", "x");
}

TEST(Trailers, AreReadAsStrictlyAsFields) {
  for (const char* lines :
       {"A ", " ", "A: b\n", "A: b\rx", "A: b\r\n ", "\n", "\rx", ":", "A\r", "A: \x01", "A: b\r\n\r\r"})
    expect_refused_at_end("0\r\n"s + lines);
  expect_refused_at_end("0\r\nA: \0"s);
}

TEST(Trailers, AreNotWhatBelongsInTheHead) {  // RFC 9110, section 6.5.1
  for (const char* name :
       {"Content-Length", "transfer-encoding",   "Host",       "CONNECTION", "Trailer",
        "Authorization",  "Proxy-Authorization", "Keep-Alive", "Upgrade",    "TE",
        "Cookie",         "Set-Cookie",          "X-API-Key",  "Expect",     "Range",
        "If-None-Match",  "Cache-Control",       "Vary",       "Age",        "Content-Encoding",
        "Content-Type",   "Content-Range",       "Location"}) {
    expect_refused_at_end("0\r\n"s + name + ": 1\r\n\r\n");
    expect_refused_at_end("0\r\nA: b\r\n"s + name + ":\r\nC: d\r\n\r\n");
  }
}

TEST(Trailers, OfAnyNameAreDroppedWhereNobodyMergesThem) {
  expect_content("1\r\nx\r\n0\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\nX:\r\n\r\n", "x",
                 TrailerNames::any);
  EXPECT_TRUE(decode("0\r\nContent-Length : 7\r\n\r\n", TrailerNames::any).refused) << "but no malformed one";
}

TEST(Trailers, Are32AtMost) {
  std::string lines = "0\r\n";
  for (int i = 0; i < 32; ++i) lines += "A:\r\n";
  expect_content(lines + "\r\n", "");
  expect_refused_at_end(lines + "A", ErrorCode::fields_too_large);
}

TEST(Trailers, AreOf8KiBAtMost) {
  const std::string fits = "A:" + std::string(8192 - 6, 'a') + "\r\n\r\n";
  ASSERT_EQ(fits.size(), 8192U);
  expect_content("0\r\n" + fits, "");
  const std::string beyond = "A:" + std::string(8192 - 5, 'a') + "\r\n\r\n";
  expect_refused_at_end("0\r\n" + beyond.substr(0, 8192), ErrorCode::fields_too_large);
}

TEST(ChunkedContent, GivesViewsOfTheBytesItIsGiven) {
  ContentParser decoder(in_chunks);
  const std::string_view text = "3\r\nabc\r\n0\r\n\r\n";
  const auto first = decoder.next(text);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->content, "abc");
  EXPECT_EQ(first->content.data(), text.data() + 3);
  EXPECT_FALSE(decoder.done());
  const auto last = decoder.next(text.substr(first->consumed));
  ASSERT_TRUE(last);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(first->consumed + last->consumed, text.size());
  const auto behind = decoder.next("more");
  ASSERT_TRUE(behind);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(behind->consumed, 0U);
}

}  // namespace
}  // namespace roktcached::http
