#include "server/inbound/host_check.h"

#include <gtest/gtest.h>

#include "server/problem.h"

namespace roktcached::inbound {
namespace {

const std::vector<std::string> allowed = {"localhost", "127.0.0.1", "[::1]"};

ErrorCode verdict(const std::vector<std::string>& hosts, bool http11 = true) {
  http::Fields fields;
  for (const auto& host : hosts) fields.add("Host", host);
  const auto checked = check_host(fields, http11, allowed);
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

TEST(Problem, SaysWhatItIsAndWhenToComeBack) {
  const Answer answer = problem({ErrorCode::token_unavailable, ErrorSource::upstream, true, "no \"luck\""},
                                "id-1", std::chrono::milliseconds{1001});
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
  const Answer answer = problem({ErrorCode::method_not_allowed, ErrorSource::core, false, "GET, HEAD"}, "id");
  EXPECT_NE(answer.head.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace roktcached::inbound
