#include "server/proxy/warming/scheduled_warming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rokt/date_range.h"
#include "server/proxy/target_request.h"
#include "server/proxy/warming.h"
#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

using caching::WarmTemplate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A dashboard, the proxy and an upstream, from day to day.
class ScheduledWarmingTest : public ProxyFixture {
 protected:
  ScheduledWarmingTest() {
    upstream.is_idle = true;
    warming.load(in_force);
    fetches.when_asked(
        [this](const caching::Key& key, const caching::Ask& asked) { warming.asked(key, asked); });
  }

  static RuntimePtr with(std::vector<caching::NamedWarming> named) {
    config::Settings settings = two_credentials();
    settings.named_warmings = std::move(named);
    return std::make_shared<const Runtime>(std::move(settings), nullptr, 1);
  }

  [[nodiscard]] WallTime at(std::string_view local) const {
    return rokt::TimeZone::find(zone)->to_wall_latest(rokt::DateParameter::parse(local)->earliest);
  }
  void set_clock(WallTime now) {
    clock.advance(now - clock.wall);
    warming.look();
    run();
  }
  void set_clock(std::string_view local) { set_clock(at(local)); }

  /// Yesterday, as the dashboard has it.
  [[nodiscard]] std::string yesterday() const {
    const rokt::LocalDay day =
        rokt::local_day(clock.wall, *rokt::TimeZone::find(zone)) - std::chrono::days{1};
    return "/reporting/accounts/1/summary?dateStart=" + rokt::text_of(day) +
           "T00%3A00%3A00&dateEnd=" + rokt::text_of(day) + "T23:59:59&currency=USD&timeZoneVariation=" + zone;
  }
  void ask_on_three_days() {
    for (const char* day : {"2026-11-02", "2026-11-03", "2026-11-04"}) {
      set_clock(std::string(day) + "T08:15:00");
      ask(yesterday());
    }
  }
  std::vector<std::string> calls() {
    std::vector<std::string> targets;
    for (const auto& request : upstream.requests) targets.push_back(request.target);
    upstream.requests.clear();
    return targets;
  }
  [[nodiscard]] WarmingStatus status() const { return warming.status(100); }

  std::string zone = "Asia/Kathmandu";
  const RuntimePtr in_force = with({});
  const Warming one_by_one{fetches, upstream, store, context.get_executor(), context.get_executor(),
                           clock,   0ms};
  ScheduledWarming warming{context.get_executor(),
                           context.get_executor(),
                           store,
                           clock,
                           [this](RuntimePtr runtime_now, CacheRequestPtr cache_request) {
                             return one_by_one.warm(std::move(runtime_now), std::move(cache_request));
                           },
                           ""};
};

TEST_F(ScheduledWarmingTest, TheFirstRequestOfTheFourthMorningIsAHit) {
  ask_on_three_days();
  EXPECT_EQ(calls().size(), 3U);
  EXPECT_EQ(status().totals.learned, 1U);
  set_clock("2026-11-05T07:44:00");
  EXPECT_THAT(calls(), IsEmpty());
  set_clock("2026-11-05T07:45:00");
  EXPECT_THAT(calls(),
              ElementsAre(HasSubstr("dateStart=2026-11-04T00:00:00.000&dateEnd=2026-11-04T23:59:59.000")));
  EXPECT_EQ(status().templates.at(0).state, WarmTemplate::State::warmed);
  set_clock("2026-11-05T08:15:00");
  EXPECT_THAT(told(ask(yesterday())), HasSubstr("hit"));
  EXPECT_THAT(calls(), IsEmpty());
  set_clock("2026-11-05T08:15:10");
  EXPECT_EQ(status().totals.counts.warmed, 1U);
  EXPECT_EQ(status().totals.counts.used, 1U);
  EXPECT_EQ(status().templates.at(0).state, WarmTemplate::State::used);
}

TEST_F(ScheduledWarmingTest, QueriesAreLearnedToo) {
  const auto query = [this] {
    const rokt::LocalDay day = rokt::local_day(clock.wall, *rokt::TimeZone::find(zone));
    return ask("/v1/query/accounts/1/transactions", {{"Content-Type", "application/json"}}, "POST",
               R"({"metrics":["m"],"startDate":")" + rokt::text_of(day - std::chrono::days{7}) +
                   R"(","endDate":")" + rokt::text_of(day) + R"(","timezoneVariation":")" + zone + R"("})");
  };
  for (const char* day : {"2026-11-02", "2026-11-03", "2026-11-04"}) {
    set_clock(std::string(day) + "T08:15:00");
    query();
  }
  calls();
  set_clock("2026-11-05T08:13:00");
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_EQ(upstream.requests[0].method, "POST");
  EXPECT_EQ(
      upstream.requests[0].body,
      R"({"endDate":"2026-11-05","metrics":["m"],"startDate":"2026-10-29","timezoneVariation":"Asia/Kathmandu"})");
  calls();
  set_clock("2026-11-05T08:15:00");
  EXPECT_THAT(told(query()), HasSubstr("hit"));
}

TEST_F(ScheduledWarmingTest, WhatIsFetchedForNobodyIsNotLearned) {
  for (const char* day : {"2026-11-02", "2026-11-03", "2026-11-04"}) {
    set_clock(std::string(day) + "T08:15:00");
    const auto request = read_target_request(*in_force, yesterday(), "", {clock.wall_now()}).value();
    boost::asio::co_spawn(context, one_by_one.warm(in_force, request.cache_request),
                          [](const std::exception_ptr&, const Warmed&) {});
    run();
  }
  EXPECT_EQ(calls().size(), 3U);
  EXPECT_EQ(status().totals.learned, 0U);
}

TEST_F(ScheduledWarmingTest, AnAnswerThatIsNoReportIsNotLearned) {
  upstream.answer = [](const upstream::UpstreamRequest&) { return upstream_answer(404, R"({"a":1})"); };
  ask_on_three_days();
  EXPECT_EQ(status().totals.learned, 0U);
}

TEST_F(ScheduledWarmingTest, GivesWayToWhoeverWaits) {
  ask_on_three_days();
  calls();
  upstream.is_idle = false;
  set_clock("2026-11-05T07:45:00");
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_EQ(status().templates.at(0).state, WarmTemplate::State::waiting);
  EXPECT_THAT(status().templates.at(0).last_failure, HasSubstr("busy"));
  upstream.is_idle = true;
  set_clock("2026-11-05T07:45:29");
  EXPECT_THAT(calls(), IsEmpty());
  set_clock("2026-11-05T07:45:30");
  EXPECT_EQ(calls().size(), 1U);
}

TEST_F(ScheduledWarmingTest, AFailureIsTriedAgain) {
  ask_on_three_days();
  calls();
  upstream.answer = [](const upstream::UpstreamRequest&) { return upstream_answer(503, ""); };
  set_clock("2026-11-05T07:45:00");
  EXPECT_EQ(calls().size(), 1U);
  EXPECT_EQ(status().totals.counts.warmed, 0U);
  upstream.answer = [](const upstream::UpstreamRequest&) { return upstream_answer(200, R"({"a":1})"); };
  set_clock("2026-11-05T07:50:00");
  EXPECT_EQ(calls().size(), 1U);
  EXPECT_EQ(status().totals.counts.warmed, 1U);
}

TEST_F(ScheduledWarmingTest, IsFetchedAgainWhenItIsNoLongerFreshAndNobodyHasCome) {
  ask_on_three_days();
  calls();
  set_clock("2026-11-05T07:45:00");
  EXPECT_EQ(calls().size(), 1U);
  set_clock("2026-11-05T08:44:00");
  EXPECT_THAT(calls(), IsEmpty());
  set_clock("2026-11-05T08:45:00");
  EXPECT_EQ(calls().size(), 1U);
  EXPECT_EQ(status().totals.counts.warmed, 1U);
}

TEST_F(ScheduledWarmingTest, ForgetsWhatNobodyUses) {
  ask_on_three_days();
  for (const char* time : {"2026-11-05T07:45:00", "2026-11-06T07:45:00", "2026-11-07T00:00:00"})
    set_clock(time);
  EXPECT_EQ(status().totals.learned, 0U);
  EXPECT_EQ(status().totals.forgotten, 1U);
  EXPECT_EQ(status().totals.counts.unused, 2U);
}

TEST_F(ScheduledWarmingTest, TakesWhatIsNamed) {
  warming.change(
      with({{{"/reporting/accounts/9/summary?dateStart={first_of_month-1}&dateEnd={last_of_month-1}&"
              "currency=USD&timeZoneVariation=Asia/Kathmandu",
              "alpha-1", "", "Asia/Kathmandu"},
             390min}}));
  set_clock("2026-11-05T06:29:00");
  EXPECT_THAT(calls(), IsEmpty());
  set_clock("2026-11-05T06:30:00");
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_THAT(upstream.requests[0].target, HasSubstr("dateStart=2026-10-01&dateEnd=2026-10-31&"));
  EXPECT_EQ(upstream.requests[0].fields.find("rokt-version"), "alpha-1");
  EXPECT_EQ(upstream.requests[0].credential, 0U) << "of the account";
  EXPECT_FALSE(status().templates.at(0).learned);
  warming.change(with({}));
  EXPECT_EQ(status().totals.named, 0U);
}

TEST_F(ScheduledWarmingTest, WhatNoClientCouldAskIsDoneForTheDay) {
  warming.change(with({{{"/reporting/accounts/9/summary?dateStart={today}", "LATEST", "", "UTC"}, 0min}}));
  zone = "UTC";
  set_clock("2026-11-05T00:00:30");
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_EQ(status().templates.at(0).state, WarmTemplate::State::done);
  EXPECT_THAT(status().templates.at(0).last_failure, HasSubstr("dateEnd"));
  EXPECT_EQ(status().totals.counts.failed, 1U);
}

TEST_F(ScheduledWarmingTest, BeginsNothingOnceItHasStopped) {
  ask_on_three_days();
  calls();
  warming.stop();
  set_clock("2026-11-05T07:45:00");
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace roktcached::proxy
