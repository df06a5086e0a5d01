#include "server/http/problem.h"

#include <gtest/gtest.h>

namespace roktcached {
namespace {

using namespace std::chrono_literals;

bool has(const http::Answer& answer, std::string_view line) {
  return answer.head.find(std::string(line).append("\r\n")) != std::string::npos;
}

TEST(Problem, SaysHowAClientCanMakeItselfKnown) {
  const auto answer = problem({ErrorCode::unauthenticated, false, "why"}, "id");
  EXPECT_EQ(answer.status, 401U);
  EXPECT_TRUE(has(answer, "WWW-Authenticate: Basic realm=\"roktcached\""));
  EXPECT_TRUE(has(answer, "WWW-Authenticate: Bearer realm=\"roktcached\"")) << "no error: nothing was shown";
}

/// RFC 6750, section 3.1.
TEST(Problem, SaysThatATokenIsNotValidToWhoHasShownOne) {
  const auto answer = problem({ErrorCode::invalid_token, false, "why"}, "id");
  EXPECT_EQ(answer.status, 401U);
  EXPECT_TRUE(has(answer, "WWW-Authenticate: Basic realm=\"roktcached\""));
  EXPECT_TRUE(has(answer, "WWW-Authenticate: Bearer realm=\"roktcached\", error=\"invalid_token\""));
  EXPECT_NE(answer.body->view().find("urn:roktcached:unauthenticated"), std::string::npos);
}

/// A browser that is offered Basic asks whoever looks at the dashboard for a password that there is not.
TEST(Problem, TheAdminListenerOffersNoBasic) {
  const auto answer = problem({ErrorCode::unauthenticated, false, "why", ErrorSource::admin}, "id");
  EXPECT_EQ(answer.status, 401U);
  EXPECT_TRUE(has(answer, "WWW-Authenticate: Bearer realm=\"roktcached admin\""));
  EXPECT_EQ(answer.head.find("Basic"), std::string::npos);
}

TEST(Problem, OfAClientThatHasGoneIsForTheAccessLog) {
  const auto answer = problem({ErrorCode::client_gone, true, "why", ErrorSource::upstream}, "id");
  EXPECT_EQ(answer.status, 499U);
  EXPECT_EQ(answer.notes.outcome, http::CacheOutcome::failed) << "the request was acceptable";
}

TEST(Problem, ACacheFileThatCannotBeUsedNowIsWorthWaitingFor) {
  const auto answer = problem({ErrorCode::storage_locked, true, "why"}, "id", 5s);
  EXPECT_EQ(answer.status, 503U);
  EXPECT_TRUE(has(answer, "Retry-After: 5"));
  EXPECT_NE(answer.body->view().find("urn:roktcached:storage-unavailable"), std::string::npos);
}

TEST(Problem, AClientBeyondItsRateLearnsHowLongToWait) {
  const auto answer = problem({ErrorCode::client_quota_exceeded, true, "why"}, "id", 1100ms);
  EXPECT_EQ(answer.status, 429U);
  EXPECT_TRUE(has(answer, "Retry-After: 2"));
  EXPECT_TRUE(has(answer, "Proxy-Status: roktcached; error=http_request_denied"));
  EXPECT_NE(answer.body->view().find("urn:roktcached:client-quota-exceeded"), std::string::npos);
  EXPECT_EQ(answer.notes.outcome, http::CacheOutcome::refused);
}

TEST(Problem, CanBeNamedByItsAnswer) {
  const auto answer = problem({ErrorCode::upstream_timeout, true, "why", ErrorSource::upstream}, "id");
  EXPECT_EQ(problem_name(answer), "upstream-timeout");
}

TEST(Problem, OfAnotherHasNoNameHere) {
  http::Answer answer;
  EXPECT_EQ(problem_name(answer), "") << "no content";
  answer.notes.outcome = http::CacheOutcome::miss;
  answer.body = caching::share_body(R"({"type":"urn:roktcached:overloaded"})");
  EXPECT_EQ(problem_name(answer), "") << "the upstream's";
}

}  // namespace
}  // namespace roktcached
