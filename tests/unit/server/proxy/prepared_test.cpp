#include "server/proxy/prepared.h"

#include <gmock/gmock.h>

#include "core/caching/selection.h"
#include "server/proxy/answers.h"
#include "server/upstream/wire/content_coding.h"

namespace roktcached::proxy {
namespace {

using caching::StoredResponse;
using caching::StoredResponsePtr;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr WallTime fetch_time = wall_time_from_unix_ms(784111777999);  // Sun, 06 Nov 1994 08:49:37 GMT

StoredResponse example(std::size_t size = 10) {
  StoredResponse response;
  response.body = caching::share_body(std::string(size, 'x'));
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

std::string rows(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += R"({"campaign":)" + std::to_string(i) + R"(,"cost":1},)";
  return text.substr(0, size);
}

std::shared_ptr<StoredResponse> response_of(std::string body) {
  auto response = std::make_shared<StoredResponse>();
  response->body = caching::share_body(std::move(body));
  response->entity_tag = "\"abc\"";
  return response;
}

TEST(WithGzip, KeepsBothForms) {
  for (const std::size_t size : {std::size_t{4096}, std::size_t{100'000}}) {
    const auto plain = response_of(rows(size));
    const auto both = with_gzip(plain);
    ASSERT_TRUE(both->gzip_body);
    EXPECT_EQ(both->body, plain->body);
    EXPECT_EQ(upstream::gunzip(*both->gzip_body, size).value(), *plain->body);
    EXPECT_GE(both->memory_size(), plain->memory_size() + both->gzip_body->size());
  }
}

TEST(WithGzip, IsCountedAndLeftOutWhereThereIsNoRoom) {
  const auto plain = response_of(rows(100'000));
  storage::BodyAccount account(100'000);
  auto both = with_gzip(plain, &account);
  ASSERT_TRUE(both->gzip_body);
  EXPECT_EQ(account.read().all, both->gzip_body->size());
  both.reset();
  EXPECT_EQ(account.read().all, 0U);
  storage::BodyAccount full(100);
  EXPECT_EQ(with_gzip(plain, &full), plain);
}

TEST(WithGzip, MakesTheFormOnce) {
  const auto both = with_gzip(response_of(rows(5000)));
  EXPECT_EQ(with_gzip(both), both);
}

/// The state is one of the thread's: nothing of one body may be in the next.
TEST(WithGzip, MakesTheSameFormWhateverWasMadeBefore) {
  const auto first = with_gzip(response_of(rows(50'000)))->gzip_body;
  const auto other = with_gzip(response_of(std::string(5000, 'a')))->gzip_body;
  EXPECT_EQ(*with_gzip(response_of(rows(50'000)))->gzip_body, *first);
  EXPECT_EQ(upstream::gunzip(*other, 5000).value(), std::string(5000, 'a'));
}

TEST(WithGzip, IsLeftOutWhereItIsNotWorthIt) {
  std::string noise(100'000, '\0');
  std::uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const std::string& body : {std::string(), rows(4095), noise}) {
    const auto plain = response_of(body);
    EXPECT_EQ(with_gzip(plain), plain);
  }
}

TEST(WithGzip, IsLeftOutWhereAFieldWouldBecomeUntrue) {
  for (const char* const line :
       {"Content-Encoding: br\r\n", "Content-Digest: sha-256=:x:\r\n", "repr-digest: x\r\n"}) {
    const auto plain = response_of(rows(5000));
    plain->head = line;
    EXPECT_EQ(with_gzip(plain), plain);
  }
}

class CompressedAnswerTest : public testing::Test {
 protected:
  http::Answer answer(const char* accepted, const char* none_match = nullptr) {
    http::Request request;
    request.method = "GET";
    if (accepted != nullptr) request.fields.add("Accept-Encoding", accepted);
    if (none_match != nullptr) request.fields.add("If-None-Match", none_match);
    http::Answer answer;
    answer_with(answer, request, stored, {}, true, {}, stored->fetched_at);
    return answer;
  }

  caching::StoredResponsePtr plain = response_of(rows(5000));
  caching::StoredResponsePtr stored = with_gzip(plain);
};

TEST_F(CompressedAnswerTest, HasTheFormThatTheClientPrefers) {
  const auto gzip = answer("gzip, br");
  EXPECT_EQ(gzip.body, stored->gzip_body);
  EXPECT_THAT(gzip.head, HasSubstr("ETag: \"abc-gzip\"\r\n"));
  EXPECT_THAT(gzip.head, HasSubstr("Content-Encoding: gzip\r\n"));
  for (const char* const accepted : {static_cast<const char*>(nullptr), "identity", "br", "identity;q=0"}) {
    const auto identity = answer(accepted);
    EXPECT_EQ(identity.body, stored->body);
    EXPECT_THAT(identity.head, HasSubstr("ETag: \"abc\"\r\n"));
    EXPECT_THAT(identity.head, Not(HasSubstr("Content-Encoding")));
    EXPECT_THAT(identity.head, HasSubstr("Vary: Accept, Accept-Encoding, rokt-version\r\n"));
  }
}

TEST_F(CompressedAnswerTest, WithoutAGzipFormIsSentAsItIs) {
  stored = plain;
  const auto identity = answer("gzip");
  EXPECT_EQ(identity.body, plain->body);
  EXPECT_THAT(identity.head, Not(HasSubstr("Content-Encoding")));
  EXPECT_THAT(identity.head, HasSubstr("Vary: Accept, Accept-Encoding,"));
}

TEST_F(CompressedAnswerTest, EitherFormsTagIsConfirmedAsTheClientHasIt) {
  struct Case {
    const char* accepted;
    const char* none_match;
    const char* confirmed;
  };
  for (const auto& form : {plain, with_gzip(plain)}) {
    stored = form;
    for (const Case& one :
         {Case{"gzip", "\"abc-gzip\"", "\"abc-gzip\""}, Case{"gzip", "\"abc\"", "\"abc\""},
          Case{"identity", "\"abc\"", "\"abc\""}, Case{"identity", "\"abc-gzip\"", "\"abc-gzip\""},
          Case{"gzip", "W/\"abc-gzip\"", "\"abc-gzip\""}, Case{"identity", "\"x\", \"abc\"", "\"abc\""},
          Case{"identity", "*", "\"abc\""}}) {
      const auto confirmed = answer(one.accepted, one.none_match);
      EXPECT_EQ(confirmed.status, 304U) << one.none_match;
      EXPECT_EQ(confirmed.body, nullptr);
      EXPECT_THAT(confirmed.head, HasSubstr(std::string("ETag: ") + one.confirmed + "\r\n"));
      EXPECT_THAT(confirmed.head, Not(HasSubstr("Content-Encoding")));
      EXPECT_THAT(confirmed.head, HasSubstr("Vary: Accept, Accept-Encoding,"));
    }
    EXPECT_EQ(answer("gzip", "\"abc-gzip-gzip\"").status, 200U);
    EXPECT_EQ(answer("gzip", "\"ab\"").status, 200U);
  }
  stored = with_gzip(plain);
  const auto any = answer("gzip", "*");
  EXPECT_THAT(any.head, HasSubstr("ETag: \"abc-gzip\"\r\n"));
  const auto both = answer("gzip", "\"abc\", \"abc-gzip\"");
  EXPECT_THAT(both.head, HasSubstr("ETag: \"abc-gzip\"\r\n"));
}

}  // namespace
}  // namespace roktcached::proxy
