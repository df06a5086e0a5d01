#include "server/admin/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::admin {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Explains the summary of a month that ended long ago.
class ExplanationTest : public proxy::ProxyFixture {
 protected:
  proxy::TargetRequest wanted(const std::string& target = report()) {
    return proxy::read_target_request(runtime, target, "", {clock.wall_now()}).value();
  }
  boost::json::object explained(const Findings& findings, WallTime now) {
    const auto request = wanted();
    boost::json::object object = explain_request(runtime, request, now);
    add_findings(object, request, findings, runtime.policies, now);
    return object;
  }
  Findings findings(WallTime fetched_at) {
    storage::EntrySummary entry;
    entry.key = wanted().cache_request->key;
    entry.route = "account-summary";
    entry.account_id = "1";
    entry.range_end = wanted().cache_request->range_end;
    entry.fetched_at = fetched_at;
    entry.fresh_until = fetched_at + 1h;
    entry.usable_until = fetched_at + 10h;
    Findings found;
    found.stored = StoredEntry{entry, true, 7};
    return found;
  }

  const WallTime now_ = clock.wall_now();
};

TEST_F(ExplanationTest, TheSettingsAloneTellRouteKeyAndLife) {
  const auto object = explain_request(runtime, wanted(), now_);
  EXPECT_EQ(object.at("route"), "account-summary");
  EXPECT_EQ(object.at("account"), "1");
  EXPECT_EQ(object.at("credential"), "default");
  EXPECT_EQ(object.at("key"), caching::to_hex(wanted().cache_request->key.hash()).c_str());
  EXPECT_EQ(object.at("if_fetched_now").at("state"), "settled");
  EXPECT_EQ(object.at("if_fetched_now").at("fresh_ms"), 604'800'000);
  EXPECT_FALSE(object.contains("answer"));
}

TEST_F(ExplanationTest, AnAddressFromAToolIsReadWithoutItsKey) {
  const auto request = wanted("https://api.rokt.com" + report() + "&api_key=hush");
  EXPECT_EQ(request.cache_request->key, wanted().cache_request->key);
}

TEST_F(ExplanationTest, ARouteThatIsNotCachedHasNoKey) {
  const auto object = explain_request(runtime, wanted("/logs/today"), now_);
  EXPECT_EQ(object.at("class"), "off");
  EXPECT_FALSE(object.contains("key"));
}

TEST_F(ExplanationTest, ATargetThatNobodyWouldGetAnAnswerForIsRefusedAsForAClient) {
  EXPECT_EQ(proxy::read_target_request(runtime, "/nothing", "", {clock.wall_now()}).error().code,
            ErrorCode::unknown_route);
  EXPECT_THAT(proxy::read_target_request(runtime, "nothing", "", {clock.wall_now()}).error().context,
              HasSubstr("accepted"));
  EXPECT_THAT(
      proxy::read_target_request(runtime, report() + "&currency=USD", "", {clock.wall_now()}).error().context,
      HasSubstr("currency"));
}

TEST_F(ExplanationTest, AQuestionHasContentAndNothingElseHas) {
  const auto context = [this](const std::string& target, const std::string& content) {
    const auto read = proxy::read_target_request(runtime, target, "", {clock.wall_now()}, content);
    return read ? "" : read.error().context;
  };
  const std::string question = "/v1/query/accounts/12/campaigns";
  EXPECT_EQ(context(question, R"({"metrics":["impressions"]})"), "");
  EXPECT_THAT(context(question, ""), HasSubstr("content: is missing; accepted: the question"));
  EXPECT_EQ(context(report(), ""), "");
  EXPECT_THAT(context(report(), "{}"), HasSubstr("accepted: no content"));
}

TEST_F(ExplanationTest, SaysWhatWouldBeAnsweredNowAndWhy) {
  struct Case {
    Findings found;
    std::string answer;
    std::string why;
  };
  for (const auto& [found, answer, why] :
       {Case{{}, "fetch", "nothing is stored for this key"},
        Case{findings(now_ - 30min), "hit", "it is fresh"},
        Case{findings(now_ - 65min), "refreshing_hit", "it is stale, and is served"},
        Case{findings(now_ - 2h), "fetch", "it is stale for longer than stale_while_revalidate"},
        Case{findings(now_ - 20h), "fetch", "it is past its use"},
        Case{findings(now_ + 30min), "fetch", "it was fetched in the future"}}) {
    const auto object = explained(found, now_);
    EXPECT_EQ(object.at("answer"), answer.c_str());
    EXPECT_THAT(std::string(object.at("why").as_string()), HasSubstr(why));
  }
}

TEST_F(ExplanationTest, SaysWhatIsStoredAndWhoAsks) {
  Findings found = findings(now_ - 2h);
  auto restated = found.stored->entry;
  restated.restated = std::make_shared<const caching::Restated>(
      caching::Restated{2, now_, R"([{"field":"/revenue","before":1,"after":2}])"});
  found.others.push_back(restated);
  counters::ClientRequests row{.client = "bi", .route = "account-summary"};
  row.by_outcome.front() = 5;
  found.requests = {row, {.client = "bi", .route = "campaign-overview"}};
  found.asks = {.asked = 4, .from_cache = 3, .clients = {{"bi", 4, 2s}}};
  const auto object = explained(found, now_);
  EXPECT_EQ(object.at("asked"), 4);
  EXPECT_EQ(object.at("from_cache"), 3);
  EXPECT_EQ(object.at("asked_by").at(0).at("client"), "bi");
  EXPECT_EQ(object.at("asked_by").at(0).at("last_asked_at_unix_ms"), unix_ms(now_ - 2s));
  EXPECT_EQ(object.at("may_stand_in"), true);
  EXPECT_EQ(object.at("stored").at("tier"), "memory");
  EXPECT_EQ(object.at("stored").at("finds"), 7);
  EXPECT_EQ(object.at("other_entries").at(0).at("restated").at("times"), 2);
  EXPECT_EQ(boost::json::serialize(object.at("route_clients")), R"([{"client":"bi","asked":5}])");
}

TEST(ExplainQuery, NamesATarget) {
  const auto query = parse_explain("target=%2Fa%3Fb%3D%2520&rokt-version=2020").value();
  EXPECT_EQ(query.target, "/a?b=%20");
  EXPECT_EQ(query.rokt_version, "2020");
}

TEST(ExplainQuery, WhatIsWrongIsNamedWithWhatIsAccepted) {
  EXPECT_THAT(parse_explain("").error().context, HasSubstr("target: is missing; accepted: a path"));
  EXPECT_THAT(parse_explain("target=").error().context, HasSubstr("target: is empty"));
  EXPECT_THAT(parse_explain("target=%2Fa&target=%2Fb").error().context, HasSubstr("comes twice"));
  EXPECT_THAT(parse_explain("aim=%2Fa").error().context, HasSubstr("aim: is unknown; accepted: target"));
}

}  // namespace
}  // namespace roktcached::admin
