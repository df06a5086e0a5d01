#include "core/http/message_head.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::http {
namespace {

using namespace std::string_literals;

/// The result of a scan.
struct Verdict {
  std::optional<std::size_t> size;  ///< of the head
  std::optional<ErrorCode> refused;
  std::string why;
  std::size_t seen = 0;  ///< how many bytes were there when it said so

  bool operator==(const Verdict& other) const {
    return size == other.size && refused == other.refused && why == other.why;
  }
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  if (verdict.size) return out << "a head of " << *verdict.size << " bytes";
  return out << (verdict.refused ? "refused: " + verdict.why : "more is needed");
}

/// Feeds `text` up to each of the `ends`, to one scan.
Verdict scan(HeadKind kind, std::string_view text, const std::vector<std::size_t>& ends, HeadLimits limits) {
  HeadScan scan(kind, limits);
  Verdict verdict;
  for (const std::size_t end : ends) {
    const std::string moved(text.substr(0, end));  // as a buffer that grows
    const auto found = scan.scan(moved);
    verdict.seen = end;
    if (!found) {
      verdict.refused = found.error().code;
      verdict.why = found.error().context;
      return verdict;
    }
    verdict.size = *found;
    if (*found) return verdict;
  }
  return verdict;
}

/// The verdict on `text`, which is the same however it is cut: at once, byte by byte, and in two pieces.
Verdict scan(HeadKind kind, std::string_view text, HeadLimits limits = {}) {
  std::vector<std::size_t> each;
  for (std::size_t end = 0; end <= text.size(); ++end) each.push_back(end);
  const Verdict verdict = scan(kind, text, each, limits);
  EXPECT_EQ(verdict, scan(kind, text, {text.size()}, limits)) << text;
  for (const std::size_t cut : each) EXPECT_EQ(verdict, scan(kind, text, {cut, text.size()}, limits)) << text;
  return verdict;
}

void expect_head(HeadKind kind, const std::string& text, HeadLimits limits = {}) {
  // A pipelined message behind it, or content, does not count.
  const Verdict verdict = scan(kind, text + "\0\r\n\n"s, limits);
  EXPECT_EQ(verdict.size, text.size()) << text << verdict.why;
  EXPECT_EQ(verdict.seen, text.size()) << text;
}

/// `text` is refused, and by its last byte: without it, more was needed.
void expect_refused_at_end(HeadKind kind, const std::string& text,
                           ErrorCode code = ErrorCode::invalid_request, HeadLimits limits = {}) {
  const Verdict verdict = scan(kind, text + "whatever\r\n\r\n", limits);
  EXPECT_EQ(verdict.refused, code) << text << ": " << verdict;
  EXPECT_EQ(verdict.seen, text.size()) << text << ": " << verdict;
}

void expect_requests_refused(std::initializer_list<std::string> texts) {
  for (const auto& text : texts) expect_refused_at_end(HeadKind::request, text);
}

void expect_responses_refused(std::initializer_list<std::string> texts) {
  for (const auto& text : texts) expect_refused_at_end(HeadKind::response, text);
}

void expect_request(const std::string& text) {
  expect_head(HeadKind::request, text);
}

void expect_response(const std::string& text) {
  expect_head(HeadKind::response, text);
}

const std::string get = "GET / HTTP/1.1\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\n";

TEST(RequestHead, MayFollowOneEmptyLine) {  // RFC 9112, section 2.2
  expect_head(HeadKind::request, "\r\n" + get + "\r\n");
  expect_request("\r\n" + get + "A: 1\r\n\r\n");
  expect_requests_refused({"\r\n\r", "\n", "\rG", " ", "\r\n "});
}

TEST(RequestHead, HasAMethodThatIsAToken) {  // RFC 9110, section 9.1
  expect_head(HeadKind::request, "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n\r\n");
  expect_request("get / HTTP/1.1\r\n\r\n");
  expect_requests_refused(
      {"GET\t", "GE\"", "G\x80", "G\xff", "G\0"s, "G\x7f", "G:", "GET\r", "GET\n", "G/", "\x16"});
}

TEST(RequestHead, HasAMethodOf32BytesAtMost) {
  expect_head(HeadKind::request, std::string(32, 'M') + " / HTTP/1.1\r\n\r\n");
  expect_refused_at_end(HeadKind::request, std::string(33, 'M'));
}

TEST(RequestHead, HasATargetOfVisibleAscii) {
  std::string visible = "/";
  for (char c = 0x21; c < 0x7f; ++c) visible += c;
  expect_request("GET " + visible + " HTTP/1.1\r\n\r\n");
  expect_requests_refused({"GET /\t", "GET /\0"s, "GET /\x1f", "GET /\x7f", "GET /\x80", "GET /\xc3",
                           "GET /\xff", "GET /\n", "GET \r", "GET \n"});
}

TEST(RequestHead, HasOneSpaceBetweenItsParts) {  // RFC 9112, section 3
  expect_requests_refused({" ", "GET  ", "GET /  ", "GET / HTTP/1.1 ", "GET /\t", "GET / x"});
}

TEST(RequestHead, HasATargetOfAFormThatIsOurs) {  // RFC 9112, section 3.2
  for (const char* target :
       {"/", "//x", "/?", "/%", "http://a", "HTTP://a/b?c", "https://a:1?b", "http://[::1]/"})
    expect_request("GET "s + target + " HTTP/1.1\r\n\r\n");
  expect_request("OPTIONS * HTTP/1.1\r\n\r\n");
  expect_requests_refused({"GET * ", "PRI * ", "options * ", "OPTIONS ** ", "GET a ", "GET ?a ",
                           "GET http:/a ", "GET http:// ", "GET http:///a ", "GET http://?a ",
                           "GET ftp://a/ ", "GET httpx://a/ ", "GET a:443 ", "GET localhost:80 ",
                           "CONNECT a:443 ", "CONNECT / ", "CONNECT http://a/ "});
}

TEST(RequestHead, IsOfHttp1) {  // RFC 9112, section 2.3
  for (const char* version : {"HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/1.9"})
    expect_request("GET / "s + version + "\r\n\r\n");
  expect_requests_refused({"GET / h", "GET / HTTP/2", "GET / HTTP/1,", "GET / HTTP/1.11", "GET / HTTP/1.20",
                           "GET / HTTP/0", "GET / HTTP/1.1\t", "GET / HTTP/1.\r", "GET / \r", "GET / HTTPS",
                           "GET / HTTP/1.1\n", "GET / HTTP/ ", "PRI / HTTP/2"});
}

TEST(RequestHead, OfHttp09IsRefusedWithItsLine) {
  expect_requests_refused({"GET /\r", "GET /\n"});
}

TEST(ResponseHead, HasAStatusOfThreeDigits) {  // RFC 9110, section 15
  for (const char* status : {"100 ", "404 Not  Found\t\xe9", "599 "})
    expect_response("HTTP/1.1 "s + status + "\r\n\r\n");
  expect_responses_refused({"HTTP/1.1 0", "HTTP/1.1 6", "HTTP/1.1 20 ", "HTTP/1.1 2000", "HTTP/1.1 20x",
                            "HTTP/1.1 -", "HTTP/1.1  ", "HTTP/1.1 2\r", "HTTP/1.1 20\r", "HTTP/1.1 200\n",
                            "HTTP/1.1 200\t"});
}

TEST(ResponseHead, MayLackTheSpaceBehindItsStatus) {
  expect_response("HTTP/1.1 204\r\nA: b\r\n\r\n");
  expect_responses_refused({"HTTP/1.1 200\rA", "HTTP/1.1 200\r\r"});
}

TEST(ResponseHead, IsOfHttp1) {
  for (const char* version : {"HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/1.9"})
    expect_response(version + " 200 OK\r\n\r\n"s);
  expect_responses_refused({"HTTP/2", "h", "I", "\r", "\n", " ", "HTTP/1.1\r", "HTTP/1.1\t", "HTTP/1.1\n",
                            "HTTP/1.11", "HTTP/1.12", "HTTP/1.x", "HTTP/1 "});
}

TEST(ResponseHead, HasAReasonWithoutControlCharacters) {  // RFC 9112, section 4
  expect_responses_refused({"HTTP/1.1 200 a\0"s, "HTTP/1.1 200 a\n", "HTTP/1.1 200 a\x7f",
                            "HTTP/1.1 200 \x01", "HTTP/1.1 200 OK\rA"});
}

class FieldLines : public testing::TestWithParam<HeadKind> {
 protected:
  static std::string start() { return GetParam() == HeadKind::request ? get : ok; }
  static void expect_refused(std::initializer_list<std::string> lines) {
    for (const auto& line : lines) {
      expect_refused_at_end(GetParam(), start() + line);
      expect_refused_at_end(GetParam(), start() + "A: b\r\n" + line);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Of, FieldLines, testing::Values(HeadKind::request, HeadKind::response),
                         [](const auto& kind) {
                           return kind.param == HeadKind::request ? "requests"s : "responses"s;
                         });

TEST_P(FieldLines, HaveNamesThatAreTokens) {  // RFC 9112, section 5.1
  expect_head(GetParam(), start() + "!#$%&'*+-.^_`|~09azAZ: a\r\n\r\n");
  expect_refused({":", "A ", "A\t", "A\r", "A\n", "A\0"s, "A\x80", "\xff", "(", "A/", "A\"", "\x7f", "\0"s,
                  "A\x01", "A[", "A@"});
}

TEST_P(FieldLines, HaveValuesWithoutControlCharacters) {  // RFC 9110, section 5.5
  std::string value;
  for (int octet = 1; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    if (octet == '\t' || (octet >= 0x20 && octet != 0x7f))
      value += c;
    else if (c != '\r')
      expect_refused({"A: a"s + c});
  }
  expect_refused({"A: \0"s});
  expect_head(GetParam(), start() + "A: " + value + "\r\n\r\n");
}

TEST_P(FieldLines, EndInCrlfOnly) {  // RFC 9112, section 2.2
  expect_refused({"A: b\n", "A: b\rC", "A: b\r\r", "\n", "\rA", "\r\r", "A:\n"});
  for (const char* bare : {"GET / HTTP/1.1\n", "GET / HTTP/1.1\rA", "GET / HTTP/1.1\r\r"})
    expect_refused_at_end(HeadKind::request, bare);
}

TEST_P(FieldLines, AreNotFolded) {  // RFC 9112, section 5.2
  expect_refused({" ", "\t"});
}

TEST_P(FieldLines, NeedNotBe) {
  expect_head(GetParam(), start() + "\r\n");
}

TEST_P(FieldLines, AreBoundedInNumber) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "A:\r\n";
  expect_head(GetParam(), start() + lines + "\r\n");
  expect_refused_at_end(GetParam(), start() + lines + "A", ErrorCode::fields_too_large);
  expect_head(GetParam(), start() + "A:\r\nA:\r\n\r\n", {.max_bytes = 999, .max_fields = 2});
  expect_refused_at_end(GetParam(), start() + "A:\r\nA:\r\nA", ErrorCode::fields_too_large,
                        {.max_bytes = 999, .max_fields = 2});
}

TEST_P(FieldLines, AreBoundedWithTheHead) {
  const std::string text = start() + "A: b\r\n\r\n";
  expect_head(GetParam(), text, {.max_bytes = text.size(), .max_fields = 1});
  const Verdict verdict = scan(GetParam(), text, {.max_bytes = text.size() - 1, .max_fields = 1});
  EXPECT_EQ(verdict.refused, ErrorCode::fields_too_large);
  EXPECT_EQ(verdict.seen, text.size() - 1);  // the head cannot end in time any more
}

TEST(HeadScan, TellsTooLongARequestLineFromTooLongAHead) {  // RFC 9110, section 15.5.15; RFC 6585, section 5
  const HeadLimits limits{.max_bytes = get.size(), .max_fields = 1};
  const std::string longer = "GET /a HTTP/1.1\r\n";
  expect_refused_at_end(HeadKind::request, get, ErrorCode::fields_too_large, limits);
  expect_refused_at_end(HeadKind::request, longer.substr(0, get.size()), ErrorCode::target_too_long, limits);
  expect_refused_at_end(HeadKind::request, "GET /" + std::string(get.size() - 5, 'a'),
                        ErrorCode::target_too_long, limits);
  expect_refused_at_end(HeadKind::response, ok.substr(0, 10), ErrorCode::fields_too_large,
                        {.max_bytes = 10, .max_fields = 1});
}

TEST(HeadScan, PrefersWhatIsMalformedWithinTheLimits) {
  expect_refused_at_end(HeadKind::request, get + "A: \x01", ErrorCode::invalid_request,
                        {.max_bytes = get.size() + 4, .max_fields = 1});
}

TEST(HeadScan, IsReadyForAnotherHeadAfterReset) {
  HeadScan scan(HeadKind::request, {.max_bytes = 99, .max_fields = 1});
  const std::string text = "\r\n" + get + "A: b\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    const auto found = scan.scan(text);
    ASSERT_TRUE(found) << found.error().context;
    EXPECT_EQ(*found, text.size());
    EXPECT_EQ(*scan.scan(text), text.size());  // asked again, it says the same
    scan.reset();
    ASSERT_FALSE(scan.scan(get + "A: b\n"));
    scan.reset();
  }
}

TEST(HeadScan, NeverQuotesTheMessage) {
  for (const char* text :
       {"SECRET\x01", "GET SECRET ", "GET /SECRET\x01", "GET / HTTP/SECRET", "GET / HTTP/1.1\r\nSECRET ",
        "GET / HTTP/1.1\r\nA: SECRET\x01", "GET / HTTP/1.1\r\nA: SECRET\r\n SECRET"}) {
    const Verdict verdict = scan(HeadKind::request, text);
    EXPECT_TRUE(verdict.refused) << text;
    EXPECT_EQ(verdict.why.find("SECRET"), std::string::npos) << verdict.why;
    EXPECT_FALSE(verdict.why.empty());
  }
  EXPECT_EQ(scan(HeadKind::request, get + "A: b\r\nC : d").why,
            "field line 2: a space in the field name or before the colon");
}

TEST(HeadScan, TellsWhereTheFieldSectionBegins) {
  HeadScan scan(HeadKind::request, {});
  for (const std::string& line : {get, "\r\n" + get}) {
    ASSERT_TRUE(scan.scan(line + "A: b\r\n\r\n"));
    EXPECT_EQ(scan.section_begin(), line.size());
    scan.reset();
  }
}

TEST(RequestLine, IsReadByItself) {
  const std::string text = "\r\nPOST /a HTTP/1.0\r\nA: b\r\n\r\n";
  RequestHead head;
  const auto section = read_request_line(text, head);
  ASSERT_TRUE(section);
  EXPECT_EQ(*section, "A: b\r\n\r\n");
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a");
  EXPECT_FALSE(head.http11);
  ASSERT_TRUE(read_request_line("GET / HTTP/1.2\r\n\r\n", head));
  EXPECT_TRUE(head.http11);
  for (const char* other : {"", "\r\n", "GET", "GET\r\n\r\n", "GET /\r\n\r\n"})
    EXPECT_FALSE(read_request_line(other, head)) << other;
}

TEST(AbsoluteTarget, IsSplit) {
  const auto whole = absolute_target("hTTps://user@a.example:1/b?c=http://d");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->scheme, "hTTps");
  EXPECT_EQ(whole->authority, "user@a.example:1");
  EXPECT_EQ(whole->origin, "/b?c=http://d");
  EXPECT_EQ(absolute_target("http://a")->origin, "");
  EXPECT_EQ(absolute_target("http://a?b")->origin, "?b");
  for (const char* other :
       {"", "/", "*", "http", "http:", "http:/a", "http://", "http:///", "ws://a", "a:1", "/http://a"})
    EXPECT_FALSE(absolute_target(other)) << other;
}

}  // namespace
}  // namespace roktcached::http
