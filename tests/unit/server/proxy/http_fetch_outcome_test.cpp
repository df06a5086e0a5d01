#include "server/proxy/http_fetch_outcome.h"

#include <gtest/gtest.h>

#include "core/caching/variants.h"

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const caching::Key target = caching::http_key("default", "/a");

upstream::UpstreamResponse upstream_answer(unsigned status, std::initializer_list<http::Field> list) {
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
    const auto outcome = judge_http(request, upstream_answer(304, fields), now);
    return outcome.to_store.size() == 1 ? outcome.to_store[0]->fresh_until - now : -1ms;
  };
  EXPECT_EQ(fresh_for({{"Age", "5"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "5"}, {"Age", "50"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "5, 50"}}), 55s);
  EXPECT_EQ(fresh_for({{"Age", "old"}}), 60s);
}

TEST(JudgeHttp, AVaryingAnswerToPostDoesNotLeadBackToWhatItHasInvalidated) {  // RFC 9111, section 4.4
  caching::VariantIndex before(now);
  before.add({"x-a"});
  const FetchRequest request = request_of("POST", nullptr, before.to_stored(target, "mirror"));
  const auto outcome = judge_http(
      request,
      upstream_answer(200, {{"Cache-Control", "max-age=60"}, {"Content-Location", "/a"}, {"Vary", "X-A"}}),
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
