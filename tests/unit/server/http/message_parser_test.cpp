#include "server/http/message_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "core/http/framing.h"

namespace roktcached::http {
namespace {

using namespace std::string_literals;

/// A head that the gate lets pass, and what the parser makes of it.
template <bool is_request>
struct Parsed {
  explicit Parsed(std::string bytes, bool answers_head = false)
      : text(std::move(bytes)), parser(answers_head) {
    HeadScan scan(is_request ? HeadKind::request : HeadKind::response, {});
    const auto size = scan.scan(text);
    EXPECT_TRUE(size && *size == text.size()) << text;
    read = parser.read_head(text, scan, head);
  }

  std::string text;
  MessageParser<is_request> parser;
  typename MessageParser<is_request>::Head head;
  Result<void> read;
};

Parsed<true> request(const std::string& text) {
  return Parsed<true>(text);
}

Parsed<false> response(const std::string& text, bool answers_head = false) {
  return Parsed<false>(text, answers_head);
}

const std::string get = "GET / HTTP/1.1\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\n";

TEST(RequestParser, ReadsAHeadInParts) {
  const std::string text =
      "POST /a?b=%20c HTTP/1.1\r\nHost: localhost:8080\r\nX-Empty:\r\nX:  a b\t \r\nhost:again\r\n\r\n";
  HeadScan scan(HeadKind::request, {});
  ASSERT_TRUE(scan.scan(text));
  RequestParser parser;
  RequestHead head;
  ASSERT_TRUE(parser.read_head(text, scan, head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a?b=%20c");
  EXPECT_TRUE(head.http11);
  ASSERT_EQ(head.fields.size(), 4U);
  EXPECT_EQ(head.fields[0].name, "Host");
  EXPECT_EQ(head.fields[0].value, "localhost:8080");
  EXPECT_EQ(head.fields[1].name, "X-Empty");
  EXPECT_EQ(head.fields[1].value, "");
  EXPECT_EQ(head.fields[2].value, "a b");
  EXPECT_EQ(head.fields[3].name, "host");
  EXPECT_EQ(head.fields[3].value, "again");
  EXPECT_EQ(head.target.data(), text.data() + 5);  // views, no copies
  EXPECT_FALSE(request("GET / HTTP/1.0\r\n\r\n").head.http11);
}

TEST(RequestParser, ReusesTheMemoryOfAHead) {
  HeadScan scan(HeadKind::request, {});
  RequestHead head;
  const std::string before = get + "A: 1\r\nB: 2\r\n\r\n";
  ASSERT_TRUE(scan.scan(before));
  ASSERT_TRUE(RequestParser().read_head(before, scan, head));
  const FieldLine* const memory = head.fields.data();
  const std::string text = get + "C: 3\r\n\r\n";
  scan.reset();
  ASSERT_TRUE(scan.scan(text));
  RequestParser parser;
  ASSERT_TRUE(parser.read_head(text, scan, head));
  ASSERT_EQ(head.fields.size(), 1U);
  EXPECT_EQ(head.fields[0].name, "C");
  EXPECT_EQ(head.fields.data(), memory);
}

TEST(RequestParser, ReadsWhatTheGateLetsPass) {
  EXPECT_EQ(request("\r\n" + get + "A: 1\r\n\r\n").head.method, "GET");
  EXPECT_EQ(request("get / HTTP/1.1\r\n\r\n").head.method, "get");
  EXPECT_EQ(request("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n\r\n").head.method, "!#$%&'*+-.^_`|~09azAZ");
  std::string visible = "/";
  for (char c = 0x21; c < 0x7f; ++c) visible += c;
  EXPECT_EQ(request("GET " + visible + " HTTP/1.1\r\n\r\n").head.target, visible);
  for (const char* target :
       {"/", "//x", "/?", "/%", "http://a", "HTTP://a/b?c", "https://a:1?b", "http://[::1]/"})
    EXPECT_EQ(request("GET "s + target + " HTTP/1.1\r\n\r\n").head.target, target);
  EXPECT_EQ(request("OPTIONS * HTTP/1.1\r\n\r\n").head.target, "*");
}

TEST(RequestParser, ReadsALaterVersionAs11) {  // RFC 9110, section 2.5
  for (const char* version : {"HTTP/1.1", "HTTP/1.2", "HTTP/1.9"}) {
    const auto parsed = request("\r\nGET /a "s + version + "\r\nA: b\r\n\r\n");
    EXPECT_TRUE(parsed.head.http11) << version;
    EXPECT_EQ(parsed.head.target, "/a");
    ASSERT_EQ(parsed.head.fields.size(), 1U);
    EXPECT_EQ(parsed.head.fields[0].value, "b");
  }
}

TEST(RequestParser, ReadsAHeadOfAnySizeThatTheGateLetsPass) {  // Beast's own limit is 8 KiB
  const std::string value(15'000, 'a');
  const auto parsed = request(get + "A: " + value + "\r\n\r\n");
  ASSERT_TRUE(parsed.read);
  EXPECT_EQ(parsed.head.fields[0].value, value);
}

TEST(ResponseParser, ReadsAHeadInParts) {
  const auto parsed = response("HTTP/1.1 404 Not  Found\t\xe9\r\nA: b\r\n\r\n");
  EXPECT_EQ(parsed.head.status, 404U);
  EXPECT_TRUE(parsed.head.http11);
  ASSERT_EQ(parsed.head.fields.size(), 1U);
  EXPECT_EQ(parsed.head.fields[0].name, "A");
  EXPECT_EQ(parsed.head.fields[0].value, "b");
  const auto bare = response("HTTP/1.0 200 \r\n\r\n");
  EXPECT_FALSE(bare.head.http11);
  EXPECT_TRUE(bare.head.fields.empty());
  EXPECT_EQ(response("HTTP/1.1 100 \r\n\r\n").head.status, 100U);
  EXPECT_EQ(response("HTTP/1.1 599 \r\n\r\n").head.status, 599U);
}

TEST(ResponseParser, ReadsStartLinesThatBeastDoesNot) {
  for (const char* line : {"HTTP/1.1 204", "HTTP/1.2 204", "HTTP/1.9 204 ", "HTTP/1.3 204 x"}) {
    const auto parsed = response(line + "\r\nA: b\r\n\r\n"s);
    ASSERT_TRUE(parsed.read) << line;
    EXPECT_EQ(parsed.head.status, 204U);
    EXPECT_TRUE(parsed.head.http11);
    ASSERT_EQ(parsed.head.fields.size(), 1U);
    EXPECT_EQ(parsed.head.fields[0].name, "A");
  }
  EXPECT_FALSE(response("HTTP/1.0 204\r\n\r\n").head.http11);
}

/// Beast would refuse the whole message for them.
TEST(MessageParser, TakesAConnectionThatIsNoListForAFieldAsAnyOther) {
  const std::string lines =
      "connection: \"close\"\r\nA: 1\r\nProxy-Connection: a b; c\t\r\nConnection: close\r\n\r\n";
  const auto expect_lines = [](const std::vector<FieldLine>& fields) {
    ASSERT_EQ(fields.size(), 4U);
    EXPECT_EQ(fields[0].name, "connection");
    EXPECT_EQ(fields[0].value, "\"close\"");
    EXPECT_EQ(fields[1].value, "1");
    EXPECT_EQ(fields[2].value, "a b; c");
    EXPECT_EQ(fields[3].value, "close");
  };
  expect_lines(request(get + lines).head.fields);
  const auto parsed = response(ok + lines);
  ASSERT_TRUE(parsed.read);
  expect_lines(parsed.head.fields);
}

/// The rest is refused by framing_of, whose test tells of it.
TEST(MessageParser, RefusesFramingThatBeastRefuses) {
  const auto why = [](const std::string& lines) {
    const auto parsed = request("POST / HTTP/1.1\r\nA: b\r\n" + lines + "\r\n");
    EXPECT_FALSE(parsed.read) << lines;
    EXPECT_FALSE(response(ok + lines + "\r\n").read) << lines;
    EXPECT_FALSE(parsed.head.fields.empty());
    EXPECT_EQ(parsed.head.method, "POST");
    return parsed.read ? "" : parsed.read.error().context;
  };
  EXPECT_EQ(why("Content-Length: x\r\n"), "Content-Length: accepted: digits");
  EXPECT_EQ(why("Content-Length: 99999999999999999999999\r\n"), "Content-Length: accepted: digits");
  EXPECT_EQ(why("Content-Length: 1\r\nContent-Length: 2\r\n"), "Content-Length: repeated");
  EXPECT_EQ(why("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            "Transfer-Encoding: repeated");
  EXPECT_EQ(why("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
            "Transfer-Encoding: not beside Content-Length");
  EXPECT_EQ(why("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            "Transfer-Encoding: not beside Content-Length");
}

/// Where framing_of says that there is no content, the parser wants none.
TEST(MessageParser, AgreesWithTheFramingThatTheGateLetsPass) {
  for (const char* lines :
       {"", "Content-Length: 0\r\n", "Content-Length: 05\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const auto post = request("POST / HTTP/1.1\r\n"s + lines + "\r\n");
    const auto framing = framing_of(post.head);
    ASSERT_TRUE(framing);
    EXPECT_EQ(post.parser.done(), framing->kind == Framing::Kind::none) << lines;
    EXPECT_FALSE(post.parser.ends_with_connection());
    for (const char* status : {"100", "103", "200", "204", "205", "304", "500"}) {
      for (const bool answers_head : {false, true}) {
        const auto answer = response("HTTP/1.1 "s + status + "\r\n" + lines + "\r\n", answers_head);
        const auto of_answer = framing_of(answer.head, answers_head);
        if (!of_answer) continue;
        EXPECT_EQ(answer.parser.done(), of_answer->kind == Framing::Kind::none) << status << lines;
        EXPECT_EQ(answer.parser.ends_with_connection(), of_answer->kind == Framing::Kind::until_close);
        EXPECT_EQ(answer.parser.announced(), of_answer->length) << status << lines;
      }
    }
  }
}

}  // namespace
}  // namespace roktcached::http
