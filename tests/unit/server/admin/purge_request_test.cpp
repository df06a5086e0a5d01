#include "server/admin/purge_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached::admin {
namespace {

using caching::PurgeKind;
using testing::HasSubstr;

template <class Wanted>
Wanted wanted(std::string_view content) {
  return std::get<Wanted>(parse_purge(content).value().selection);
}

TEST(PurgeRequest, SelectsInFiveWays) {
  wanted<caching::Everything>(R"({"all": true})");
  EXPECT_EQ(wanted<caching::OfAccount>(R"({"account": "12"})").account_id, "12");
  EXPECT_FALSE(wanted<caching::OfAccount>(R"({"account": "12"})").campaign_id);
  EXPECT_EQ(wanted<caching::OfAccount>(R"({"campaign": "3", "account": "12"})").campaign_id, "3");
  EXPECT_EQ(wanted<caching::OfRoute>(R"({"route": "account-summary"})").name, "account-summary");
  EXPECT_EQ(wanted<caching::WithTarget>(R"({"target": "/a?c=1&b=%32"})").canonical, "/a?b=2&c=1");
  EXPECT_EQ(wanted<caching::WithTarget>(R"({"target": "/a?api_key=secret&b=2"})").as_sent, "/a?b=2");
  const auto hash = wanted<caching::WithKey>(R"({"key": "0123456789abcdef0123456789abcdef"})").hash;
  EXPECT_EQ(caching::to_hex(hash), "0123456789abcdef0123456789abcdef");
}

TEST(PurgeRequest, IsHardUnlessItSaysSoft) {
  EXPECT_EQ(parse_purge(R"({"all": true})").value().kind, PurgeKind::hard);
  EXPECT_EQ(parse_purge(R"({"all": true, "soft": false})").value().kind, PurgeKind::hard);
  EXPECT_EQ(parse_purge(R"({"soft": true, "all": true})").value().kind, PurgeKind::soft);
}

TEST(PurgeRequest, NamesTheMemberWhatCameAndWhatIsAccepted) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"", "content: "},
      {"{", "content: "},
      {"[]", "content: []; accepted: a JSON object"},
      {"{}", "content: selects nothing; accepted: one of \"all\""},
      {R"({"soft": true})", "content: selects nothing"},
      {R"({"all": false})", "all: false; accepted: true"},
      {R"({"all": 1})", "all: 1; accepted: true"},
      {R"({"account": 12})", "account: 12; accepted: an account id, as text"},
      {R"({"account": ""})", "account: \"\"; accepted: an account id"},
      {R"({"account": null})", "account: null; accepted: an account id"},
      {R"({"campaign": "3"})", "content: selects nothing"},
      {R"({"all": true, "campaign": "3"})", "campaign: \"3\"; accepted: together with \"account\""},
      {R"({"account": "1", "campaign": 3})", "campaign: 3; accepted: a campaign id"},
      {R"({"all": true, "account": "1"})", "account: \"1\" besides another selection; accepted: one of"},
      {R"({"route": []})", "route: []; accepted: a route's name"},
      {R"({"target": "a?b"})", "target: "},
      {R"({"target": "/a b"})", "target: "},
      {R"({"key": "abc"})", "key: \"abc\"; accepted: 32 hex digits"},
      {R"({"all": true, "soft": "yes"})", "soft: \"yes\"; accepted: true or false"},
      {R"({"all": true, "acount": "1"})", "\"acount\": is unknown; accepted: one of"},
  };
  for (const auto& [content, expected] : cases) {
    const auto parsed = parse_purge(content);
    ASSERT_FALSE(parsed) << content;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request);
    EXPECT_THAT(parsed.error().context, HasSubstr(expected)) << content;
    EXPECT_EQ(parsed.error().context.find('\n'), std::string::npos);
  }
}

TEST(PurgeRequest, DoesNotRepeatALongValueWhole) {
  const auto parsed = parse_purge(R"({"key": ")" + std::string(10'000, 'x') + "\"}");
  ASSERT_FALSE(parsed);
  EXPECT_LT(parsed.error().context.size(), 200U);
}

}  // namespace
}  // namespace roktcached::admin
