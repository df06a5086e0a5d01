#include "core/http/framing.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

using Kind = Framing::Kind;
using Lines = std::vector<FieldLine>;

Result<Framing> of_request(std::string_view method, Lines fields, bool http11 = true) {
  return framing_of(RequestHead{method, "/", http11, std::move(fields)});
}

Result<Framing> of_response(unsigned status, Lines fields, bool http11 = true, bool answers_head = false) {
  return framing_of(ResponseHead{status, http11, std::move(fields)}, answers_head);
}

void expect(const Result<Framing>& framing, Kind kind, std::uint64_t length = 0) {
  ASSERT_TRUE(framing) << framing.error().context;
  EXPECT_EQ(framing->kind, kind);
  EXPECT_EQ(framing->length, length);
}

void expect_refused(const Result<Framing>& framing) {
  ASSERT_FALSE(framing);
  EXPECT_EQ(framing.error().code, ErrorCode::invalid_request);
  EXPECT_FALSE(framing.error().context.empty());
}

/// No message of either kind may declare these.
void expect_refused_in_both(const Lines& fields, bool http11 = true) {
  SCOPED_TRACE(std::string(fields[0].name) + ": " + std::string(fields[0].value));
  for (const char* method : {"POST", "GET", "DELETE"}) expect_refused(of_request(method, fields, http11));
  for (const unsigned status : {100U, 200U, 204U, 304U, 500U}) {
    expect_refused(of_response(status, fields, http11, false));
    expect_refused(of_response(status, fields, http11, true));
  }
}

TEST(Framing, OfARequestThatDeclaresNothingIsNone) {  // RFC 9112, section 6.3, rule 7
  for (const char* method : {"GET", "HEAD", "POST", "OPTIONS"}) {
    expect(of_request(method, {}), Kind::none);
    expect(of_request(method, {{"Content-Length", "0"}}), Kind::none);
    expect(of_request(method, {{"Content-Length", "000"}}, false), Kind::none);
  }
}

TEST(Framing, IsTheLengthDeclared) {  // rule 6
  expect(of_request("POST", {{"A", "b"}, {"content-LENGTH", "5"}}), Kind::length, 5);
  expect(of_request("POST", {{"Content-Length", "05"}}, false), Kind::length, 5);
  expect(of_response(200, {{"Content-Length", "5"}}), Kind::length, 5);
  expect(of_response(500, {{"Content-Length", "0"}}), Kind::none);
}

TEST(Framing, HasALengthOf63Bits) {
  expect(of_request("POST", {{"Content-Length", "9223372036854775807"}}), Kind::length, INT64_MAX);
  expect(of_request("POST", {{"Content-Length", "0009223372036854775807"}}), Kind::length, INT64_MAX);
  for (const char* length : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                             "99999999999999999999999999999999999"})
    expect_refused_in_both({{"Content-Length", length}});
}

TEST(Framing, HasALengthOfDigitsOnly) {  // RFC 9110, section 8.6
  for (const char* length : {"", "+5", "-5", "5 5", "5,5", "5, 5", "5,", ",5", "0x5", "5.0", "5;", "\"5\"",
                             "5\t5", "\xb2", "e5", "5e"})
    expect_refused_in_both({{"Content-Length", length}});
}

TEST(Framing, HasALengthInOneLine) {  // RFC 9112, section 6.3, rule 5
  expect_refused_in_both({{"Content-Length", "5"}, {"A", "b"}, {"content-length", "5"}});
  expect_refused_in_both({{"Content-Length", "5"}, {"Content-Length", "6"}});
  expect_refused_in_both({{"Content-Length", "0"}, {"Content-Length", ""}});
}

TEST(Framing, IsChunkedWhereThatIsTheOnlyCoding) {  // rule 4
  for (const char* coding : {"chunked", "CHUNKED", "ChunKed"}) {
    expect(of_request("POST", {{"transfer-encoding", coding}}), Kind::chunked);
    expect(of_response(200, {{"Transfer-Encoding", coding}}), Kind::chunked);
  }
  for (const char* coding :
       {"", "gzip", "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked",
        "chunked;a=b", "xchunked", "chunkedx", "\"chunked\"", "chunked chunked",
        "\x0b"
        "chunked"})
    expect_refused_in_both({{"Transfer-Encoding", coding}});
  expect_refused_in_both({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}});
  expect_refused_in_both({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "gzip"}});
  expect_refused_in_both({{"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}});
}

TEST(Framing, IsNeverChunkedBesideALength) {  // RFC 9112, section 6.1, and 6.3, rule 3
  expect_refused_in_both({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}});
  expect_refused_in_both({{"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}});
}

TEST(Framing, IsNeverChunkedInHttp10) {  // RFC 9112, section 6.1
  expect_refused_in_both({{"Transfer-Encoding", "chunked"}}, false);
  expect_refused_in_both({{"Transfer-Encoding", "identity"}}, false);
}

TEST(Framing, RefusesContentOfGetAndHead) {  // RFC 9110, sections 9.3.1 and 9.3.2
  for (const char* method : {"GET", "HEAD"}) {
    expect_refused(of_request(method, {{"Content-Length", "1"}}));
    expect_refused(of_request(method, {{"Transfer-Encoding", "chunked"}}));
  }
  for (const char* method : {"get", "GETS", "DELETE"})
    expect(of_request(method, {{"Content-Length", "1"}}), Kind::length, 1);
}

TEST(Framing, OfAResponseThatDeclaresNothingIsTheConnection) {  // RFC 9112, section 6.3, rule 8
  expect(of_response(200, {}), Kind::until_close);
  expect(of_response(200, {}, false), Kind::until_close);
  expect(of_response(205, {}), Kind::until_close);
}

TEST(Framing, OfAResponseWithoutContentIsNone) {  // rule 1
  for (const Lines& fields :
       {Lines{}, Lines{{"Content-Length", "5"}}, Lines{{"Transfer-Encoding", "chunked"}}}) {
    expect(of_response(304, fields), Kind::none);
    expect(of_response(200, fields, true, true), Kind::none);
  }
  expect(of_response(100, {}), Kind::none);
  expect(of_response(199, {}, false), Kind::none);
  expect(of_response(204, {}), Kind::none);
  expect(of_response(204, {{"Content-Length", "0"}}), Kind::none);
}

TEST(Framing, RefusesContentThatAStatusCannotHave) {  // RFC 9110, section 8.6; RFC 9112, section 6.1
  for (const bool answers_head : {false, true}) {
    for (const unsigned status : {100U, 103U, 199U}) {
      expect_refused(of_response(status, {{"Content-Length", "0"}}, true, answers_head));
      expect_refused(of_response(status, {{"Transfer-Encoding", "chunked"}}, true, answers_head));
    }
    expect_refused(of_response(204, {{"Content-Length", "1"}}, true, answers_head));
    expect_refused(of_response(204, {{"Transfer-Encoding", "chunked"}}, true, answers_head));
    expect_refused(of_response(101, {}, true, answers_head));
  }
}

TEST(Connection, IsKeptByVersionAndOptions) {  // RFC 9112, section 9.3
  EXPECT_TRUE(keeps_alive({}, true));
  EXPECT_FALSE(keeps_alive({}, false));
  EXPECT_TRUE(keeps_alive({{"Connection", "Upgrade"}, {"X", "close"}}, true));
  EXPECT_FALSE(keeps_alive({{"Connection", "Upgrade"}}, false));
  EXPECT_TRUE(keeps_alive({{"connection", "a, Keep-ALIVE"}}, false));
  for (const bool http11 : {false, true}) {
    EXPECT_FALSE(keeps_alive({{"Connection", "CLOSE"}}, http11));
    EXPECT_FALSE(keeps_alive({{"Connection", "keep-alive, close"}}, http11));
    EXPECT_FALSE(keeps_alive({{"Connection", "keep-alive"}, {"Connection", " a ,close"}}, http11));
  }
}

}  // namespace
}  // namespace roktcached::http
