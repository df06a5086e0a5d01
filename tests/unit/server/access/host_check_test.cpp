#include "server/access/host_check.h"

#include <gtest/gtest.h>

#include "server/http/problem.h"

namespace roktcached::access {
namespace {

const std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "[::1]"};

ErrorCode verdict(const std::vector<std::string>& hosts, bool http11 = true) {
  http::Fields fields;
  for (const auto& host : hosts) fields.add("Host", host);
  const auto checked = check_host(fields, http11, allowed_hosts);
  return checked ? ErrorCode::internal : checked.error().code;
}

TEST(CheckHost, TakesItsOwnNamesWithAnyPortInAnyCase) {
  for (const char* host :
       {"localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]", "[::1]:65535", "localhost:"}) {
    EXPECT_EQ(verdict({host}), ErrorCode::internal) << host;
  }
}

TEST(CheckHost, RefusesOtherNames) {
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.2", "[::2]"})
    EXPECT_EQ(verdict({host}), ErrorCode::unknown_host) << host;
}

TEST(CheckHost, RefusesMissingRepeatedAndMalformedOnes) {
  EXPECT_EQ(verdict({}), ErrorCode::invalid_request);
  EXPECT_EQ(verdict({}, false), ErrorCode::internal);
  EXPECT_EQ(verdict({"localhost", "localhost"}), ErrorCode::invalid_request);
  for (const char* host : {"", ":80", "a b", "localhost:x", "localhost:123456", "user@localhost", "[::1",
                           "[::1]x", "localhost/", "localhost:80:80"}) {
    EXPECT_EQ(verdict({host}), ErrorCode::invalid_request) << host;
  }
}

TEST(CheckHost, TakesPortsThatAPortCanBe) {
  for (const char* host : {"localhost:0", "localhost:65535", "localhost:00080", "[::1]:", "[::1]:0"})
    EXPECT_EQ(verdict({host}), ErrorCode::internal) << host;
  for (const char* host :
       {"localhost:65536", "localhost:99999", "localhost:4294967376", "localhost:18446744073709551696",
        "localhost:-1", "localhost:+80", "localhost: 80", "localhost:80 ", "localhost:0x50", "localhost:8o",
        "[::1]:65536", "[::1]:x", "[::1]: 1", "[::1]80"})
    EXPECT_EQ(verdict({host}), ErrorCode::invalid_request) << host;
}

TEST(CheckHost, KnowsAnIPv6AddressFromWhatLooksLikeOne) {
  for (const char* host : {"[::2]", "[2001:db8::1]:80", "[2001:DB8:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"})
    EXPECT_EQ(verdict({host}), ErrorCode::unknown_host) << host;
  EXPECT_EQ(verdict({"[0:0:0:0:0:0:0:1]"}), ErrorCode::unknown_host)
      << "browsers write it in its one short form, and names are compared as text";
  for (const char* host :
       {"[]",        "[:]",    "[:::]",     "[::1::]",       "[1]",         "[1:2:3:4:5:6:7:8:9]",
        "[12345::]", "[g::]",  "[::1.2.3]", "[::1.2.3.256]", "[127.0.0.1]", "[localhost]",
        "[ ::1]",    "[::1 ]", "[[::1]]",   "[::1]]",        "::1",         "[::1]:[",
        "]",         "[",      "x[::1]",    "[v1.x]",        "[::1]:80:80"})
    EXPECT_EQ(verdict({host}), ErrorCode::invalid_request) << host;
}

TEST(CheckHost, HasNoPlaceForAZone) {
  for (const char* host : {"[::1%lo]", "[::1%25lo]", "[::1%1]", "[::1%]", "[fe80::1%eth0]:80", "[%]"})
    EXPECT_EQ(verdict({host}), ErrorCode::invalid_request) << host;
}

TEST(CheckHost, IsWellFormedEvenWhereEveryNameIsAllowed) {
  const auto taken = [](const char* host) {
    http::Fields fields;
    fields.add("Host", host);
    return check_host(fields, true, {}).has_value();
  };
  for (const char* host : {"evil.example", "a_b", "[2001:db8::1]:8080"}) EXPECT_TRUE(taken(host)) << host;
  for (const char* host : {"", "a,b", "a;b", "a%20b", "a@b",
                           "b\xc3\xbc"
                           "cher.example",
                           "a:b", "[::1%lo]", "a?b", "a#b"})
    EXPECT_FALSE(taken(host)) << host;
}

TEST(CheckHost, RepeatsNoMoreOfAForeignNameThanAPersonReads) {
  http::Fields fields;
  fields.add("Host", std::string(5000, 'a'));
  const auto checked = check_host(fields, true, allowed_hosts);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::unknown_host);
  EXPECT_LT(checked.error().context.size(), 120U);
}

TEST(Problem, SaysWhatItIsAndWhenToComeBack) {
  const http::Answer answer =
      problem({ErrorCode::token_unavailable, true, "no \"luck\"", ErrorSource::upstream}, "id-1",
              std::chrono::milliseconds{1001});
  EXPECT_EQ(answer.status, 503U);
  EXPECT_NE(answer.head.find("Retry-After: 2\r\n"), std::string::npos);
  EXPECT_NE(answer.head.find("Content-Type: application/problem+json\r\n"), std::string::npos);
  EXPECT_NE(answer.head.find("Proxy-Status: roktcached; error=destination_unavailable\r\n"),
            std::string::npos);
  EXPECT_EQ(
      *answer.body,
      R"({"type":"urn:roktcached:token-unavailable","title":"There is no access token for the upstream","status":503,)"
      R"("detail":"no \"luck\"","requestId":"id-1"})"
      "\n");
}

TEST(Problem, NamesTheMethodsThatAre) {
  const http::Answer answer = problem({ErrorCode::method_not_allowed, false, "GET, HEAD"}, "id");
  EXPECT_NE(answer.head.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace roktcached::access
