#include "server/session/request_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/server/fake_clock.h"

namespace roktcached::session {
namespace {

using End = Incoming::End;
using std::literals::operator""s;

Limits limits_of_test() {
  Limits limits;
  limits.allowed_hosts = {"reports.example"};
  return limits;
}

bool is_in(std::string_view part, std::string_view text) {
  return text.find(part) != std::string_view::npos;
}

void put(RequestReader& reader, std::string_view bytes, SteadyTime now) {
  std::memcpy(reader.prepare(bytes.size()).data(), bytes.data(), bytes.size());
  reader.received(bytes.size(), now);
}

/// A reader, and the bytes that it reads.
class Reading {
 public:
  explicit Reading(const Limits& limits) : reader_(limits) {}

  /// What comes of it, in words, as far as it is of consequence.
  std::string of(std::string_view bytes) {
    put(reader_, bytes, clock_.steady_now());
    std::string all;
    while (reader_.has_begun()) {
      Incoming incoming;
      const End end = reader_.take(incoming, false, clock_);
      all += told(end, incoming);
      if (end != End::request) break;
    }
    return all;
  }

 private:
  static std::string told(End end, const Incoming& incoming) {
    if (end == End::more) return "more;";
    if (end == End::refused) return "refused: " + incoming.why.context + ";";
    const http::Request& request = incoming.request;
    std::string fields = request.fields.to_lines();
    return request.method + " " + request.target + " [" + fields + "] {" + request.body + "}" +
           (incoming.http11 ? "" : " 1.0") + (incoming.last ? " last" : "") + ";";
  }

  const FakeClock clock_;
  RequestReader reader_;
};

const std::string host = "Host: reports.example\r\n";

std::vector<std::string> whole_requests() {
  return {
      "GET / HTTP/1.1\r\n" + host + "\r\n",
      "GET /other?a=1 HTTP/1.1\r\n" + host + "\r\n",
      "HEAD / HTTP/1.1\r\n" + host + "\r\n",
      "POST / HTTP/1.1\r\n" + host + "\r\n",
      "\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
      "GET / HTTP/1.1\r\n" + host + "Accept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "accept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "Authorization: Basic eDp5\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "Authorization: Basic eDp6\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "authorization: Basic eDp5\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: abcdef\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: \xc3\xa4 \tef\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key:  abcde\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: abcde \r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: \tabcde\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key:       \r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: ab\r\nC:\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: abcdefg\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key:\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: abcdef\r\nX-API-Key: abcdef\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: abcdef\r\nAuthorization: Basic eDp5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
  };
}

/// Refused, incomplete, or the last of its connection, most of them.
std::vector<std::string> other_requests() {
  return {
      "GET / HTTP/1.0\r\n" + host + "\r\n",
      "GET / HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + host + "\r\n",
      "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host,
      "GET / HTTP/1.1\r\n" + host + "\r",
      "GET / HTTP/1.1\r\n" + host + "X: 1\r\n\r\n" + "GET / HTTP/1.1\r\n" + host + "\r\n",
      "GET  / HTTP/1.1\r\n" + host + "\r\n",
      "GET / HTTP/1.2\r\n" + host + "\r\n",
      "G\x01T / HTTP/1.1\r\n" + host + "\r\n",
      "GET /\n HTTP/1.1\r\n" + host + "\r\n",
      "GET / HTTP/1.1\n" + host + "\r\n",
      "GET http://reports.example/ HTTP/1.1\r\n" + host + "\r\n",
      "GET http://elsewhere.example/ HTTP/1.1\r\n" + host + "\r\n",
      "GET http://reports.example:81/ HTTP/1.1\r\n" + host + "\r\n",
      "GET http://reports.example/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
      "GET http://user@reports.example/ HTTP/1.1\r\n" + host + "\r\n",
      "GET http://reports.example/ HTTP/1.0\r\n\r\n",
      "CONNECT reports.example:443 HTTP/1.1\r\n" + host + "\r\n",
      "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\na",
      "POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Expect: else\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Expect: else\r\nContent-Length: 1\r\n\r\na",
      "GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: ab\rdef\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: ab\ndef\r\nAccept: */*\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: ab\0def\r\nAccept: */*\r\n\r\n"s,
      "GET / HTTP/1.1\r\n" + host + "X-API-Key: a\r\n\r\nb\r\nAccept: */*\r\n\r\n",
  };
}

/// What a reader knows of the requests before must not show: each of these, behind each other one of those
/// that are whole, is read as if it were the first.
TEST(RequestReader, ReadsEachRequestAsIfItWereTheFirst) {
  const std::vector<std::string> whole = whole_requests();
  std::vector<std::string> any = whole;
  for (std::string& other : other_requests()) any.push_back(std::move(other));
  const Limits limits = limits_of_test();
  for (const std::string& first : whole) {
    for (const std::string& second : any) {
      const std::string alone = Reading(limits).of(second);
      Reading apart(limits);
      apart.of(first);
      EXPECT_EQ(apart.of(second), alone) << first << second;
      const bool ended = is_in("refused", alone) || is_in("more;", alone);
      if (!ended) {
        EXPECT_EQ(apart.of(second), alone) << "once more: " << first << second;
      }
      EXPECT_EQ(Reading(limits).of(first + second), Reading(limits).of(first) + alone) << first << second;
    }
  }
}

/// RFC 9112, section 3.2.2.
TEST(RequestReader, TakesTheServerThatTheTargetNamesForHost) {
  const Limits limits = limits_of_test();
  const auto read = [&limits](const std::string& target, const std::string& fields) {
    return Reading(limits).of("GET " + target + " HTTP/1.1\r\n" + fields + "\r\n");
  };
  const std::string other = "Host: elsewhere.example\r\n";
  EXPECT_EQ(read("http://reports.example:81/a", other), "GET /a [Host: reports.example:81\r\n] {} last;");
  EXPECT_TRUE(
      is_in("elsewhere.example is none of", read("http://elsewhere.example/", "Host: reports.example\r\n")));
  EXPECT_TRUE(is_in("exactly one", read("http://reports.example/", "")));
  EXPECT_TRUE(is_in("exactly one", read("http://reports.example/", other + other)));
  EXPECT_TRUE(is_in("not a host name", read("http://reports.example/", "Host: a b\r\n")));
  for (const char* target : {"http://user@reports.example/", "http://reports.example:x/", "http://:80/",
                             "http://reports.example\\x/", "http://reports.example#a/", "http://[::1/"})
    EXPECT_TRUE(is_in("not a host name", read(target, other))) << target;
  EXPECT_TRUE(
      is_in("elsewhere.example is none of", Reading(limits).of("OPTIONS * HTTP/1.1\r\n" + other + "\r\n")));
}

/// Java's HttpClient asks for h2c on each connection.
TEST(RequestReader, GoesOnBehindAnUpgradeAndAnExpectation) {
  const Limits limits = limits_of_test();
  const std::string host = "Host: reports.example\r\n";
  for (const char* fields :
       {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Expect: 100-continue\r\n", "Expect: else\r\n"}) {
    const std::string one = "GET /a HTTP/1.1\r\n" + host + fields + "\r\n";
    const std::string told = Reading(limits).of(one);
    EXPECT_FALSE(is_in("last", told)) << told;
    EXPECT_FALSE(is_in("refused", told)) << told;
    EXPECT_EQ(Reading(limits).of(one + one), told + told);
  }
  const std::string form = "POST /a HTTP/1.1\r\n" + host + "Content-Length: 1\r\n";
  EXPECT_FALSE(is_in("last", Reading(limits).of(form + "Expect: 100-Continue\r\n\r\na")));
  EXPECT_TRUE(is_in("refused: Expect", Reading(limits).of(form + "Expect: else\r\n\r\na")))
      << "whether the content comes is not known";
}

TEST(RequestReader, ReadsTheUsualFieldsWhereverTheBytesAreCut) {
  const std::string request = "GET /a HTTP/1.1\r\nHost: reports.example\r\nAccept: */*\r\n\r\n";
  const Limits limits = limits_of_test();
  const std::string alone = Reading(limits).of(request);
  Reading reading(limits);
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    EXPECT_EQ(reading.of(request), alone);
    EXPECT_EQ(reading.of(request.substr(0, cut)), "more;");
    EXPECT_EQ(reading.of(request.substr(cut)), alone);
  }
}

/// A client that sends two at once is not to be told that the second took as long as both.
TEST(RequestReader, APipelinedRequestHasATimeOfItsOwn) {
  const std::string one = "GET / HTTP/1.1\r\nHost: reports.example\r\n\r\n";
  const Limits limits = limits_of_test();
  FakeClock clock;
  const SteadyTime begin = clock.steady_now();
  RequestReader reader(limits);
  put(reader, one + one, begin);
  clock.advance(std::chrono::seconds(1));
  Incoming first;
  ASSERT_EQ(reader.take(first, false, clock), End::request);
  EXPECT_EQ(first.request.received_at, begin) << "when its bytes came";
  clock.advance(std::chrono::seconds(1));
  Incoming second;
  ASSERT_EQ(reader.take(second, false, clock), End::request);
  EXPECT_EQ(second.request.received_at, clock.steady_now()) << "when its turn came";
}

/// Another byte now and then buys no time.
TEST(RequestReader, AHeadAndItsContentHaveOneDeadlineEach) {
  Limits limits = limits_of_test();
  limits.head_timeout = std::chrono::seconds(10);
  limits.body_timeout = std::chrono::seconds(7);
  const auto second = std::chrono::seconds(1);
  FakeClock clock;
  const SteadyTime begin = clock.steady_now();
  RequestReader reader(limits);
  Incoming incoming;
  const std::string head = "POST / HTTP/1.1\r\nHost: reports.example\r\nContent-Length: 3\r\n\r\n";
  put(reader, head.substr(0, 10), begin);
  ASSERT_EQ(reader.take(incoming, false, clock), End::more);
  EXPECT_EQ(reader.deadline(begin), begin + limits.head_timeout);
  put(reader, head.substr(10, 10), begin + second);
  ASSERT_EQ(reader.take(incoming, false, clock), End::more);
  EXPECT_EQ(reader.deadline(begin + second), begin + limits.head_timeout);
  put(reader, head.substr(20) + "a", begin + 2 * second);
  ASSERT_EQ(reader.take(incoming, false, clock), End::more);
  EXPECT_TRUE(reader.is_in_content());
  EXPECT_EQ(reader.deadline(begin + 2 * second), begin + 2 * second + limits.body_timeout);
  put(reader, "b", begin + 3 * second);
  ASSERT_EQ(reader.take(incoming, false, clock), End::more);
  EXPECT_EQ(reader.deadline(begin + 3 * second), begin + 2 * second + limits.body_timeout);
  put(reader, "cGET", begin + 4 * second);
  ASSERT_EQ(reader.take(incoming, false, clock), End::request);
  EXPECT_EQ(incoming.request.body, "abc");
  EXPECT_EQ(reader.deadline(begin + 5 * second), begin + 5 * second + limits.head_timeout) << "the next one";
}

/// A reload may have taken the Host off the list that the request before had.
TEST(RequestReader, HoldsAHostThatWasAcceptedToTheLimitsInForceNow) {
  Limits limits = limits_of_test();
  Reading reading(limits);
  const std::string request = "GET /a HTTP/1.1\r\nHost: reports.example\r\n\r\n";
  ASSERT_FALSE(is_in("refused", reading.of(request)));
  limits.allowed_hosts = {"elsewhere.example"};
  ++limits.number;
  EXPECT_TRUE(is_in("reports.example is none of", reading.of(request)));
}

TEST(RequestReader, HoldsTheUsualFieldsToTheLimitOfTheHead) {
  Limits limits = limits_of_test();
  limits.max_head = 100;
  const std::string fields = "Host: reports.example\r\n\r\n";
  const std::string fits = "GET /" + std::string(100 - fields.size() - 16, 'a') + " HTTP/1.1\r\n" + fields;
  ASSERT_EQ(fits.size(), 100U);
  std::string too_long = fits;
  too_long.insert(5, "a");
  Reading reading(limits);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(reading.of(fits).starts_with("GET /a")) << i;
  }
  EXPECT_EQ(reading.of(too_long), Reading(limits).of(too_long));
  EXPECT_TRUE(Reading(limits).of(too_long).starts_with("refused: "));
}

}  // namespace
}  // namespace roktcached::session
