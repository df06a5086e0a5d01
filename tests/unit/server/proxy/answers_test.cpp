#include "server/proxy/answers.h"

#include <gmock/gmock.h>

#include <sstream>

namespace roktcached::proxy {
namespace {

using caching::StoredResponse;
using testing::Contains;
using testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr WallTime fetched_at = wall_time_from_unix_ms(784111777999);  // Sun, 06 Nov 1994 08:49:37 GMT

std::vector<std::string> lines_of(const http::Answer& answer) {
  std::vector<std::string> lines;
  std::istringstream head(answer.head);
  for (std::string line; std::getline(head, line);) lines.push_back(line);
  return lines;
}

class AnswerWithTest : public testing::Test {
 protected:
  AnswerWithTest() {
    stored.head = "Content-Type: application/json\r\n";
    stored.body = caching::share_body("{}");
    stored.entity_tag = "\"abc\"";
    stored.fetched_at = fetched_at;
    request.method = "GET";
  }

  http::Answer hit(std::chrono::milliseconds later = 0ms) {
    const http::CacheStatus status{.hit = true, .ttl = 280s};
    http::Answer answer;
    answer_with(answer, request, std::make_shared<const StoredResponse>(stored), status, true, policy,
                fetched_at + later);
    return answer;
  }

  StoredResponse stored;
  http::Request request;
  caching::FreshnessPolicy policy;
};

TEST_F(AnswerWithTest, HasTheseFieldsAndNoOthers) {
  const auto answer = hit(61'500ms);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(lines_of(answer),
              UnorderedElementsAre(
                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r", "ETag: \"abc\"\r",
                  "Cache-Control: private, no-cache\r", "Vary: Accept, Accept-Encoding, rokt-version\r",
                  "X-Frame-Options: SAMEORIGIN\r", "Cache-Status: roktcached; hit; ttl=280\r", "Age: 61\r"));
  EXPECT_EQ(answer.shared_head, stored.head);
  EXPECT_EQ(*answer.body, "{}");
}

TEST_F(AnswerWithTest, TheGzipFormHasItsTagAndItsCoding) {
  stored.gzip_body = caching::share_body("gz");
  request.fields.add("Accept-Encoding", "gzip");
  EXPECT_THAT(lines_of(hit()),
              UnorderedElementsAre(
                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r", "ETag: \"abc-gzip\"\r",
                  "Cache-Control: private, no-cache\r", "Vary: Accept, Accept-Encoding, rokt-version\r",
                  "X-Frame-Options: SAMEORIGIN\r", "Cache-Status: roktcached; hit; ttl=280\r", "Age: 0\r",
                  "Content-Encoding: gzip\r"));
}

TEST_F(AnswerWithTest, WhatTheClientHasIsConfirmedWithoutTheUpstreamsFields) {
  stored.gzip_body = caching::share_body("gz");
  request.fields.add("Accept-Encoding", "gzip");
  request.fields.add("If-None-Match", "\"abc\"");
  const auto answer = hit(5s);
  EXPECT_EQ(answer.status, 304U);
  EXPECT_TRUE(answer.shared_head.empty());
  EXPECT_EQ(answer.body, nullptr);
  EXPECT_THAT(lines_of(answer), UnorderedElementsAre("Date: Sun, 06 Nov 1994 08:49:37 GMT\r",
                                                     "ETag: \"abc\"\r", "Cache-Control: private, no-cache\r",
                                                     "Vary: Accept, Accept-Encoding, rokt-version\r",
                                                     "X-Frame-Options: SAMEORIGIN\r",
                                                     "Cache-Status: roktcached; hit; ttl=280\r", "Age: 5\r"));
}

/// RFC 9110, section 13.1.3.
TEST_F(AnswerWithTest, WhatIsUnmodifiedSinceIsConfirmed) {
  const std::string modified = "Sat, 05 Nov 1994 08:49:37 GMT";
  stored.head = "Content-Type: application/json\r\nLast-Modified: " + modified + "\r\nX: y\r\n";
  const auto status_with = [this](std::initializer_list<http::Field> fields) {
    request.fields.clear();
    for (const auto& field : fields) request.fields.add(field.name, field.value);
    return hit().status;
  };
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}}), 304U);
  EXPECT_EQ(status_with({{"If-Modified-Since", "sat, 05 nov 1994 08:49:38 gmt"}}), 304U);
  EXPECT_EQ(status_with({{"If-Modified-Since", "Sat, 05 Nov 1994 08:49:36 GMT"}}), 200U);
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}, {"If-Modified-Since", modified}}), 200U);
  for (const char* invalid : {"", "yesterday", "784025377", "Sat, 05 Nov 1994 08:49:37 UTC"})
    EXPECT_EQ(status_with({{"If-Modified-Since", invalid}}), 200U) << invalid;
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}, {"If-None-Match", "\"other\""}}), 200U)
      << "If-None-Match alone counts";
  EXPECT_EQ(status_with({{"If-Modified-Since", "yesterday"}, {"If-None-Match", "\"abc\""}}), 304U);
  request.method = "POST";
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}}), 200U) << "not of a POST";
  request.method = "HEAD";
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}}), 304U);
  stored.status = 404;
  EXPECT_EQ(status_with({{"If-Modified-Since", modified}}), 404U);
}

TEST_F(AnswerWithTest, WhatHadNoLastModifiedIsNotUnmodifiedSinceAnything) {
  request.fields.add("If-Modified-Since", "Mon, 07 Nov 1994 08:49:37 GMT");
  for (const char* head :
       {"", "X-Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\n", "Last-Modified: never\r\n"}) {
    stored.head = head;
    EXPECT_EQ(hit().status, 200U) << head;
  }
}

/// Only a 200 is what If-None-Match asks about (RFC 9110, section 13.2.1).
TEST_F(AnswerWithTest, AnErrorIsNotConfirmed) {
  stored.status = 404;
  request.fields.add("If-None-Match", "*");
  const auto answer = hit();
  EXPECT_EQ(answer.status, 404U);
  EXPECT_EQ(answer.body, stored.body);
}

/// It follows the policy, which may have changed since the response was stored.
TEST_F(AnswerWithTest, ReportStateIsThatOfTheMomentOfTheFetchUnderThePolicyOfNow) {
  stored.range_end = fetched_at - 1h;
  EXPECT_THAT(lines_of(hit()), Contains("Report-State: restating\r"));
  policy.restatement_window = 30min;
  EXPECT_THAT(lines_of(hit()), Contains("Report-State: settled\r"));
  stored.range_end = fetched_at + 1h;
  EXPECT_THAT(lines_of(hit(2h)), Contains("Report-State: open\r"));
}

TEST_F(AnswerWithTest, WhatWasJustFetchedHasNoAge) {
  const http::CacheStatus status{.forward = http::Forward::miss};
  http::Answer answer;
  answer_with(answer, request, std::make_shared<const StoredResponse>(stored), status, false, policy,
              fetched_at + 5s);
  EXPECT_THAT(lines_of(answer), Contains("Cache-Status: roktcached; fwd=miss\r"));
  EXPECT_EQ(answer.head.find("Age:"), std::string::npos);
}

TEST_F(AnswerWithTest, WhatIsToBeConvertedIsTheStoredOneInNoForm) {
  stored.gzip_body = caching::share_body("gz");
  request.fields.add("Accept-Encoding", "gzip");
  request.fields.add("If-None-Match", "\"abc\"");
  request.as_stored = true;
  const auto answer = hit();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(*answer.body, "{}");
  EXPECT_EQ(answer.head.find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(answer.head.find("ETag"), std::string::npos);
}

}  // namespace
}  // namespace roktcached::proxy
