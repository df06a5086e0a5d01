#include "server/http/message_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::http {
namespace {

using namespace std::string_literals;

struct Verdict {
  std::size_t size = 0;  ///< 0: more is needed
  std::string why;       ///< it is refused
  bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  return out << verdict.size << " " << verdict.why;
}

Verdict verdict_of(const Result<std::size_t>& size) {
  return size ? Verdict{*size, ""} : Verdict{0, size.error().context};
}

/// The result of HeadScan alone.
Verdict scanned(const std::string& text, HeadLimits limits) {
  const auto size = HeadScan(HeadKind::response, limits).scan(text);
  return size ? Verdict{size->value_or(0), ""} : Verdict{0, size.error().context};
}

/// Reads up to each of the `ends`.
Verdict read(const std::string& text, const std::vector<std::size_t>& ends, HeadLimits limits) {
  HeadScan scan(HeadKind::response, limits);
  std::optional<ResponseParser> message;
  ResponseHead head;
  Verdict verdict;
  for (const std::size_t end : ends) {
    verdict =
        verdict_of(read_response_head(std::string_view(text).substr(0, end), scan, false, message, head));
    if (verdict != Verdict()) break;
  }
  return verdict;
}

/// Beast refuses nothing that HeadScan lets pass, however the octets are cut.
void expect_same_verdict(const std::string& text, HeadLimits limits = {}) {
  const Verdict expected = scanned(text, limits);
  EXPECT_EQ(read(text, {text.size()}, limits), expected) << text;
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    EXPECT_EQ(read(text, {cut, text.size()}, limits), expected) << text << " cut at " << cut;
}

TEST(ReadResponseHead, TakesAndRefusesWhatHeadScanDoes) {
  for (const char* line :
       {"HTTP/1.1 200 OK", "HTTP/1.0 200 ", "HTTP/1.1 204", "HTTP/1.7 599 x", "HTTP/1.1 600 x",
        "HTTP/1.1 099 x", "HTTP/1.1 000", "HTTP/1.x 200 x", "HTTP/1.: 200 x", "HTTP/2.0 200 x",
        "HTTP/0.9 200", "HTTPx1.5 200", "HTTP", "", " HTTP/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20",
        "HTTP/1.1 20x OK", "HTTP/1.1 2000 OK", "http/1.1 200 OK", "HTTP/1.1 200 a\x01", "HTTP/1.1 200 a\rb",
        "HTTP/1.1 200 a\nb", "HTTP/1.1 200 \xe9", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 abc",
        // A line that is too short, and one behind it that is none of its fields.
        "HTTP/1.2 2\r\nHTTP/1.1 200 OK", "HTTP/1.9 \r\nHTTP/1.1 200 OK", "HTTP/1.5 X\r\nHTTP/1.0 200 OK"})
    expect_same_verdict(line + "\r\nA: b\r\n\r\n"s);
  for (const char* lines : {"A: b",
                            "A:",
                            "A: \xe9\t",
                            "A : b",
                            "A\t: b",
                            ": b",
                            "A",
                            "A b",
                            "A: b\r\n c",
                            "A: b\r\n\tc",
                            " A: b",
                            "A: b\rc",
                            "A: b\nC: d",
                            "A: \x01",
                            "A: \x7f",
                            "\xe9: b",
                            "A(: b",
                            "Connection: \"close\"",
                            "Connection: a b\r\nC: d",
                            "Connection: \x01",
                            "Connection: a\nb",
                            "Connection: a\rb",
                            "Connection: \x7f",
                            "Connection: a\r\n b",
                            "Proxy-Connection: @\r\nConnection: close",
                            "A: b\n",
                            "A: b\r"}) {
    expect_same_verdict("HTTP/1.1 200 OK\r\n"s + lines + "\r\n\r\n");
    expect_same_verdict("HTTP/1.1 200 OK\r\nX: 1\r\n"s + lines + "\r\nY: 2\r\n\r\n");
    expect_same_verdict("HTTP/1.1 200\r\n"s + lines + "\r\n\r\nmore");
  }
  expect_same_verdict("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"s);
  for (const char* text : {"\n\r\n", "\r\n\r\n", "x\r\n\r\n", "HTTP/1.\r\n\r\n", "HTTP/1.1\r\n\r\n"})
    expect_same_verdict(text);
}

TEST(ReadResponseHead, KeepsToTheLimits) {
  const std::string text = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n";
  for (std::size_t bytes = 1; bytes <= text.size() + 1; ++bytes) {
    for (const std::size_t fields : {0U, 1U, 2U, 3U})
      expect_same_verdict(text, {.max_bytes = bytes, .max_fields = fields});
  }
}

TEST(ReadResponseHead, TellsFramingThatBeastRefuses) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(read(text, {text.size()}, {}), (Verdict{0, "Content-Length: repeated"}));
}

}  // namespace
}  // namespace roktcached::http
