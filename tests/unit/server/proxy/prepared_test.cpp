#include "server/proxy/prepared.h"

#include <gtest/gtest.h>

#include "core/caching/selection.h"
#include "server/proxy/answers.h"

namespace roktcached::proxy {
namespace {

using caching::StoredResponse;
using caching::StoredResponsePtr;
using namespace std::chrono_literals;

constexpr WallTime fetch_time = wall_time_from_unix_ms(784111777999);  // Sun, 06 Nov 1994 08:49:37 GMT

StoredResponse example(std::size_t size = 10) {
  StoredResponse response;
  response.body = std::make_shared<const std::string>(size, 'x');
  response.entity_tag = "\"abc\"";
  response.fetched_at = fetch_time;
  return response;
}

StoredResponsePtr prepared(StoredResponse response) {
  return proxy::prepared(std::make_shared<const StoredResponse>(std::move(response)));
}

bool answers_with_date(const StoredResponsePtr& response, std::string_view date) {
  http::Answer answer;
  answer_with(answer, {}, response, {}, true, {}, response->fetched_at);
  return answer.head.find("Date: " + std::string(date) + "\r\n") != std::string::npos;
}

TEST(Prepared, HasItsDateAndItsGzipForm) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{5000}}) {
    const auto ready = prepared(example(size));
    EXPECT_EQ(ready->date.of(fetch_time), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(ready->gzip_body != nullptr, size == 5000);
    EXPECT_EQ(proxy::prepared(ready), ready);
  }
}

TEST(Prepared, OnAnHttpRouteNothingIsOurs) {
  StoredResponse response = example(5000);
  response.entity_tag.clear();
  const auto plain = std::make_shared<const StoredResponse>(std::move(response));
  EXPECT_EQ(proxy::prepared(plain), plain);
}

TEST(Prepared, DateIsTheSameWithoutIt) {
  const auto plain = std::make_shared<const StoredResponse>(example());
  EXPECT_TRUE(plain->date.of(fetch_time).empty());
  EXPECT_TRUE(answers_with_date(plain, "Sun, 06 Nov 1994 08:49:37 GMT"));
  EXPECT_TRUE(answers_with_date(proxy::prepared(plain), "Sun, 06 Nov 1994 08:49:37 GMT"));
}

/// As a 304 of the upstream does.
TEST(Prepared, ACopyThatIsFreshenedDoesNotKeepTheOldDate) {
  StoredResponse freshened = *prepared(example(5000));
  freshened.fetched_at += 2s;
  EXPECT_TRUE(
      answers_with_date(std::make_shared<const StoredResponse>(freshened), "Sun, 06 Nov 1994 08:49:39 GMT"));
  const auto again = prepared(std::move(freshened));
  EXPECT_EQ(again->date.of(again->fetched_at), "Sun, 06 Nov 1994 08:49:39 GMT");
}

TEST(Prepared, ACopyThatIsMadeStaleKeepsItsDate) {
  StoredResponse response = example();
  response.fresh_until = fetch_time + 1h;
  response.usable_until = fetch_time + 2h;
  const StoredResponse stale = caching::made_stale(*prepared(std::move(response)), fetch_time + 1min);
  EXPECT_EQ(stale.date.of(stale.fetched_at), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(KeptDate, IsNotKeptWhereItWouldNotFit) {
  caching::KeptDate date;
  const WallTime year_10000 = wall_time_from_unix_ms(253402300800000);
  date.make(year_10000);
  EXPECT_TRUE(date.of(year_10000).empty());
  date.make(fetch_time);
  EXPECT_TRUE(date.of(fetch_time + 1ms).empty());
  EXPECT_EQ(date.of(fetch_time).size(), 29U);
}

}  // namespace
}  // namespace roktcached::proxy
