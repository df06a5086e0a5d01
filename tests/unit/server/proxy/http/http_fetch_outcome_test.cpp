#include "server/proxy/http/http_fetch_outcome.h"

#include <gtest/gtest.h>

#include "core/caching/variants.h"

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const caching::Key target = caching::http_key("default", "/a");

upstream::UpstreamResponse judged_answer(unsigned status, std::initializer_list<http::Field> list) {
  upstream::UpstreamResponse answer;
  answer.status = status;
  for (const auto& field : list) answer.fields.add(field.name, field.value);
  answer.sent_at = now;
  return answer;
}

FetchRequest request_of(const char* method, caching::StoredResponsePtr stored,
                        caching::StoredResponsePtr index) {
  FetchRequest request;
  request.key = target;
  request.route_class = rokt::RouteClass::http;
  request.upstream.method = method;
  request.upstream.target = "/a";
  request.stored = std::move(stored);
  auto http = std::make_shared<HttpFetch>();
  http->target = target;
  http->method = method;
  http->credentials = {"default"};
  http->index = std::move(index);
  request.http = std::move(http);
  return request;
}

/// RFC 9111, section 5.1: the first member counts; what is no number is ignored.
TEST(JudgeHttp, A304IsAsOldAsTheFirstAgeSays) {
  caching::StoredResponse stored;
  stored.key = target;
  stored.head = "Cache-Control: max-age=60\r\nETag: \"a\"\r\n";
  stored.fetched_at = stored.fresh_until = now - 1h;
  stored.usable_until = now + 1h;
  const FetchRequest request =
      request_of("GET", std::make_shared<const caching::StoredResponse>(stored), nullptr);
  const auto fresh_for = [&](std::initializer_list<http::Field> fields) {
    const auto outcome = judge_http(request, judged_answer(304, fields), now);
    return outcome.to_store.size() == 1 ? outcome.to_store[0]->fresh_until - now : -1ms;
  };
  EXPECT_EQ(fresh_for({{"Age", "5"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "5"}, {"Age", "50"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "5, 50"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "old"}}), 60s);
}

/// Who writes may show another credential than who reads (RFC 9111, section 4.4).
TEST(JudgeHttp, AWriteEndsWhatIsStoredUnderEveryCredential) {
  FetchRequest request = request_of("PUT", nullptr, nullptr);
  auto http = std::make_shared<HttpFetch>(*request.http);
  http->credentials = {"default", "emea"};
  http->hosts = {"localhost"};
  request.http = std::move(http);
  const auto key = [](const char* credential, const char* path) {
    return caching::http_key(credential, path);
  };
  const auto done = judge_http(
      request, judged_answer(201, {{"Location", "/b"}, {"Content-Location", "http://localhost/c"}}), now);
  EXPECT_EQ(done.invalidated, (std::vector{key("default", "/a"), key("emea", "/a"), key("default", "/b"),
                                           key("emea", "/b"), key("default", "/c"), key("emea", "/c")}));
  const auto elsewhere = judge_http(request, judged_answer(200, {{"Location", "http://elsewhere/b"}}), now);
  EXPECT_EQ(elsewhere.invalidated, (std::vector{key("default", "/a"), key("emea", "/a")}));
  const auto refused = judge_http(request, judged_answer(404, {{"Location", "/b"}}), now);
  EXPECT_TRUE(refused.invalidated.empty()) << "it has changed nothing";
}

TEST(JudgeHttp, AWriteWhoseAnswerWasLostMayHaveBeenDone) {
  FetchRequest request = request_of("DELETE", nullptr, nullptr);
  auto http = std::make_shared<HttpFetch>(*request.http);
  http->credentials = {"default", "emea"};
  request.http = std::move(http);
  const auto lost_to = [&](ErrorSource source) {
    const upstream::UpstreamFailure failure{{ErrorCode::upstream_timeout, true, "late", source},
                                            std::nullopt};
    return judge_http(request, failure, now).invalidated;
  };
  EXPECT_EQ(lost_to(ErrorSource::upstream),
            (std::vector{caching::http_key("default", "/a"), caching::http_key("emea", "/a")}));
  EXPECT_TRUE(lost_to(ErrorSource::proxy).empty()) << "it was not sent";
  request = request_of("GET", nullptr, nullptr);
  EXPECT_TRUE(lost_to(ErrorSource::upstream).empty()) << "it is no write";
}

/// Section 4.3.5.
TEST(JudgeHttp, AHeadEndsTheFreshnessOfWhatItNoLongerDescribes) {
  caching::StoredResponse stored;
  stored.key = target;
  stored.head = "Cache-Control: max-age=60\r\nETag: \"a\"\r\n";
  stored.body = caching::share_body("four");
  stored.fetched_at = now;
  stored.fresh_until = now + 60s;
  stored.usable_until = now + 1h;
  const auto told = [&](std::initializer_list<http::Field> fields, unsigned status = 200) {
    const FetchRequest request =
        request_of("HEAD", std::make_shared<const caching::StoredResponse>(stored), nullptr);
    const auto outcome = judge_http(request, judged_answer(status, fields), now + 10s);
    return outcome.to_store.empty() ? std::optional<std::chrono::milliseconds>()
                                    : outcome.to_store[0]->fresh_until - (now + 10s);
  };
  EXPECT_EQ(told({{"ETag", "\"b\""}, {"Cache-Control", "max-age=60"}}), 0s);
  EXPECT_EQ(told({{"ETag", "\"a\""}, {"Content-Length", "5"}, {"Cache-Control", "max-age=60"}}), 0s);
  EXPECT_GT(told({{"ETag", "\"a\""}, {"Content-Length", "4"}, {"Cache-Control", "max-age=60"}}), 0s);
  EXPECT_EQ(told({{"ETag", "\"b\""}}, 404), std::nullopt) << "an error describes nothing";
}

TEST(JudgeHttp, AVaryingAnswerToPostDoesNotLeadBackToWhatItHasInvalidated) {  // RFC 9111, section 4.4
  caching::VariantIndex before(now);
  before.add({"x-a"});
  const FetchRequest request = request_of("POST", nullptr, before.to_stored(target, "mirror"));
  const auto outcome = judge_http(
      request,
      judged_answer(200, {{"Cache-Control", "max-age=60"}, {"Content-Location", "/a"}, {"Vary", "X-A"}}),
      now);
  ASSERT_FALSE(outcome.invalidated.empty());
  ASSERT_EQ(outcome.to_store.size(), 2U);
  const caching::VariantIndex after(*outcome.to_store[1]);
  http::Fields other;
  other.add("X-A", "1");
  EXPECT_NE(after.key_for(target, {"x-a"}, other), before.key_for(target, {"x-a"}, other));
  EXPECT_EQ(after.keys_for(target, {}), std::vector{outcome.to_store[0]->key});
}

}  // namespace
}  // namespace roktcached::proxy
