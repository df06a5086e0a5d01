#include "core/caching/storing.h"

#include <gtest/gtest.h>

#include <set>

#include "core/caching/freshness.h"
#include "core/http/cache_control.h"
#include "core/http/date.h"
#include "core/http/fields.h"

namespace roktcached::caching {
namespace {

using http::Fields;
using namespace std::chrono_literals;

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const FreshnessPolicy policy;

std::string date(std::chrono::seconds from_now) {
  return http::format_date(now + from_now);
}

TEST(StoringTest, EachHasAWordOfItsOwnThatAFieldAndALabelCanHave) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < storing_count; ++i) {
    const std::string_view name = name_of(static_cast<Storing>(i));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << name;
  }
  EXPECT_EQ(name_of(Storing::stored), "stored");
  EXPECT_EQ(name_of(Storing::not_json), "not-json");
  EXPECT_EQ(name_of(Storing::private_), "private");
  EXPECT_EQ(name_of(Storing::partial), "partial");
  EXPECT_EQ(name_of(Storing::purged), "purged");
  EXPECT_EQ(name_of(Storing::no_room), "no-room");
}

TEST(MayStoreReport, KeepsReportsAndRefusals) {
  for (const unsigned status : {200U, 400U, 404U})
    EXPECT_EQ(storing_of_report({.status = status}), Storing::stored) << status;
}

TEST(MayStoreReport, SaysWhyNot) {
  for (const unsigned status : {201U, 302U, 401U, 403U, 429U, 500U, 503U})
    EXPECT_EQ(storing_of_report({.status = status}), Storing::status) << status;
  EXPECT_EQ(storing_of_report({.not_json = true}), Storing::not_json);
  EXPECT_EQ(storing_of_report({.too_large = true}), Storing::too_large);
  EXPECT_EQ(storing_of_report({.status = 404, .better_kept = true}), Storing::better_kept);
  EXPECT_EQ(storing_of_report({.request_no_store = true}), Storing::request_no_store);
  EXPECT_EQ(storing_of_report({.has_lifetime = false}), Storing::no_lifetime);
}

/// The content of a large one comes in pieces, whatever else is the matter with it.
TEST(MayStoreReport, SaysOfALargeOneThatItIsLarge) {
  EXPECT_EQ(storing_of_report({.status = 503, .too_large = true, .not_json = true, .request_no_store = true}),
            Storing::too_large);
}

Storing verdict(std::initializer_list<http::Field> list, HttpAnswer answer = {"GET"}, unsigned status = 200) {
  Fields fields;
  for (const auto& field : list) fields.add(field.name, field.value);
  answer.sent_at = answer.received_at = now;
  return storing_of_http(answer, status, fields, http::parse_response_directives(fields), policy).storing;
}

bool stored(std::initializer_list<http::Field> list, HttpAnswer answer = {"GET"}, unsigned status = 200) {
  return verdict(list, answer, status) == Storing::stored;
}

TEST(MayStoreHttp, FollowsSection3) {
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=60"}}));
  EXPECT_TRUE(stored({{"Expires", date(60s)}}));
  EXPECT_TRUE(stored({{"Last-Modified", date(-60s)}}));
  EXPECT_TRUE(stored({{"Cache-Control", "no-cache"}, {"ETag", "\"a\""}}));
  EXPECT_TRUE(stored({{"Cache-Control", "private=\"a\", max-age=60"}}));
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=60"}}, {"GET"}, 599));
  for (const char* forbidden : {"no-store", "no-store, max-age=60", "private, max-age=60"})
    EXPECT_FALSE(stored({{"Cache-Control", forbidden}, {"ETag", "\"a\""}})) << forbidden;
  EXPECT_FALSE(stored({{"ETag", "\"a\""}}, {"GET"}, 403));
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}}, {"GET"}, 304));
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}}, {.method = "GET", .request_no_store = true}));
}

TEST(MayStoreHttp, KeepsNothingThatIsOfNoUse) {
  EXPECT_FALSE(stored({}));
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=0"}}));
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}, {"Age", "61"}}));
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=0, stale-while-revalidate=60"}}));
}

/// It has expired before it came: from then on it may be revalidated, and stand in for an error.
TEST(MayStoreHttp, KeepsWhatComesStaleForAsLongAsWhatBecomesStaleNow) {
  Fields fields;
  fields.add("Cache-Control", "max-age=60");
  fields.add("Age", "1000");
  fields.add("ETag", "\"a\"");
  const HttpStoring verdict = storing_of_http({.method = "GET", .sent_at = now, .received_at = now}, 200,
                                              fields, http::parse_response_directives(fields), policy);
  ASSERT_EQ(verdict.storing, Storing::stored);
  EXPECT_EQ(verdict.lifetime.fresh_until, now - 940s);
  EXPECT_EQ(verdict.lifetime.usable_until, now + policy.stale_if_error);
}

TEST(MayStoreHttp, KnowsMethods) {
  for (const char* method : {"HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH"})
    EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}}, {method})) << method;
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}}, {"POST"}));
  const HttpAnswer post{.method = "POST", .content_location_is_target = true};
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=60"}}, post));
  EXPECT_FALSE(stored({{"Last-Modified", date(-1000s)}}, post))
      << "RFC 9110, section 9.3.3: explicit freshness";
}

TEST(MayStoreHttp, SharesAnAuthorizedAnswerOnlyWhereItSaysSo) {  // RFC 9111, section 3.5
  const HttpAnswer authorized{.method = "GET", .has_authorization = true};
  EXPECT_FALSE(stored({{"Cache-Control", "max-age=60"}}, authorized));
  for (const char* allowed : {"max-age=60, public", "max-age=60, must-revalidate", "s-maxage=60"})
    EXPECT_TRUE(stored({{"Cache-Control", allowed}}, authorized)) << allowed;
}

TEST(MayStoreHttp, LetsMustUnderstandTakeThePlaceOfNoStore) {  // RFC 9111, section 5.2.2.3
  EXPECT_TRUE(stored({{"Cache-Control", "must-understand, no-store, max-age=60"}}));
  EXPECT_FALSE(stored({{"Cache-Control", "must-understand, max-age=60"}}, {"GET"}, 599));
}

TEST(MayStoreHttp, SaysWhyNot) {
  const http::Field fresh{"Cache-Control", "max-age=60"};
  EXPECT_EQ(verdict({fresh}, {"PUT"}), Storing::method);
  EXPECT_EQ(verdict({fresh}, {.method = "GET", .request_no_store = true}), Storing::request_no_store);
  for (const unsigned status : {304U, 412U, 416U})
    EXPECT_EQ(verdict({fresh}, {"GET"}, status), Storing::status) << status;
  EXPECT_EQ(verdict({{"Cache-Control", "must-understand, max-age=60"}}, {"GET"}, 599), Storing::status);
  EXPECT_EQ(verdict({{"Cache-Control", "no-store"}}), Storing::response_no_store);
  EXPECT_EQ(verdict({{"Cache-Control", "private"}}), Storing::private_);
  EXPECT_EQ(verdict({fresh}, {.method = "GET", .has_authorization = true}), Storing::authorization);
  EXPECT_EQ(verdict({}), Storing::no_lifetime);
  EXPECT_EQ(verdict({{"ETag", "\"a\""}}, {"GET"}, 403), Storing::no_lifetime);
  EXPECT_EQ(verdict({fresh}, {.method = "GET", .better_kept = true}), Storing::better_kept);
  EXPECT_EQ(verdict({fresh}, {.method = "GET", .too_large = true}), Storing::too_large);
}

TEST(MayStoreHttp, KeepsNothingThatMatchesNoOtherRequest) {  // RFC 9111, section 4.1
  EXPECT_EQ(verdict({{"Cache-Control", "max-age=60"}, {"Vary", "Accept, *"}}), Storing::vary_any);
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=60"}, {"Vary", "Accept"}}));
}

TEST(MayStoreHttp, KeepsAPartOnlyWhereOneWasAskedFor) {
  EXPECT_EQ(verdict({{"Cache-Control", "max-age=60"}}, {"GET"}, 206), Storing::partial);
  EXPECT_TRUE(stored({{"Cache-Control", "max-age=60"}}, {.method = "GET", .range_forwarded = true}, 206));
}

}  // namespace
}  // namespace roktcached::caching
