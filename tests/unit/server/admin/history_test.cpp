#include "server/admin/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "server/admin/history_json.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::admin {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;
namespace json = boost::json;

/// A daemon that is sampled, and counts one hit between two samples.
struct Sampled {
  History history;
  FakeClock clock;
  std::uint64_t hits = 0;

  void sample() {
    HistorySample taken;
    taken.at = clock.wall_now();
    taken.requests[static_cast<std::size_t>(http::CacheOutcome::hit)] = hits++;
    history.add(taken, clock.steady_now());
  }
  void sample_for(std::chrono::seconds span) {
    for (auto passed = 0s; passed < span; passed += History::hour.every) {
      sample();
      clock.advance(History::hour.every);
    }
  }
  [[nodiscard]] json::object read(std::optional<WallTime> since = std::nullopt) const {
    return json::parse(to_json(history, {}, WallTime(1ms), since)).as_object();
  }
};

TEST(History, KeepsAnHourOfSamplesAndADayOfFewer) {
  Sampled daemon;
  daemon.sample_for(25h);
  const auto& hour = daemon.history.of_hour();
  const auto& day = daemon.history.of_day();
  ASSERT_EQ(hour.size(), 720U);
  ASSERT_EQ(day.size(), 288U);
  EXPECT_EQ(hour.back().at - hour.front().at, 1h - 5s);
  EXPECT_EQ(day.back().at - day.front().at, 24h - 5min);
  EXPECT_EQ(hour.back().at + 5s, daemon.clock.wall_now());
  EXPECT_GT(day.back().at + 5min, hour.back().at);
}

TEST(History, BeginsBothWithTheFirstSample) {
  Sampled daemon;
  daemon.sample();
  EXPECT_EQ(daemon.history.of_hour().size(), 1U);
  EXPECT_EQ(daemon.history.of_day().size(), 1U);
}

TEST(History, GoesOnAfterAPauseWithoutCatchingUp) {
  Sampled daemon;
  daemon.sample_for(10min);
  ASSERT_EQ(daemon.history.of_day().size(), 2U);
  daemon.clock.advance(3h);
  daemon.sample_for(10s);
  EXPECT_EQ(daemon.history.of_day().size(), 3U);
}

/// Samples come a little late, as timers do; that must not add up.
TEST(History, TheDayStaysInStepHoweverLateItsSamplesCome) {
  Sampled daemon;
  daemon.sample();
  daemon.clock.advance(5min + 2s);
  daemon.sample();
  daemon.clock.advance(5min - 2s);
  daemon.sample();
  EXPECT_EQ(daemon.history.of_day().size(), 3U);
}

TEST(History, ForgetsAFutureThatAClockSetBackHasLeft) {
  Sampled daemon;
  daemon.sample_for(1min);
  daemon.clock.wall -= 30s;
  daemon.sample();
  const auto& hour = daemon.history.of_hour();
  EXPECT_TRUE(std::ranges::is_sorted(hour, std::ranges::less_equal(), &HistorySample::at));
  EXPECT_EQ(hour.back().at, daemon.clock.wall_now());
  EXPECT_EQ(hour.size(), 7U);
}

TEST(HistoryJson, HasAListForEachNumberAllOfTheSameLength) {
  Sampled daemon;
  daemon.sample_for(10min);
  const json::object read = daemon.read();
  EXPECT_EQ(read.at("started_at_unix_ms").to_number<int>(), 1);
  for (const char* const span : {"hour", "day"}) {
    const json::object& columns = read.at(span).as_object();
    const std::size_t length = columns.at("at_unix_ms").as_array().size();
    EXPECT_EQ(length, std::string_view(span) == "hour" ? 120U : 2U);
    for (const auto& [name, column] : columns) {
      if (column.is_array()) {
        EXPECT_EQ(column.as_array().size(), length) << name;
      }
    }
    EXPECT_EQ(columns.at("requests").as_object().size(), http::outcome_count);
    for (const auto& [outcome, column] : columns.at("requests").as_object())
      EXPECT_EQ(column.as_array().size(), length) << outcome;
  }
  EXPECT_EQ(read.at("hour").at("requests").at("hit").as_array().back().to_number<int>(), 119);
}

TEST(HistoryJson, LeavesOutWhatIsKnown) {
  Sampled daemon;
  daemon.sample_for(15s);
  const WallTime last = daemon.history.of_hour().back().at;
  daemon.sample();
  const json::object read = daemon.read(last);
  EXPECT_THAT(read.at("hour").at("at_unix_ms").as_array(),
              ElementsAre(json::value(unix_ms(daemon.clock.wall_now()))));
  EXPECT_TRUE(read.at("day").at("at_unix_ms").as_array().empty());
}

TEST(HistoryJson, SaysWhereThereIsNoTokenAndNoReason) {
  History history;
  HistorySample sample;
  sample.at = WallTime(5ms);
  history.add(sample, SteadyTime());
  const counters::Problem problem{.at = WallTime(7ms),
                                  .client = "<img src=x>",
                                  .route = "account-summary",
                                  .outcome = http::CacheOutcome::miss,
                                  .status = 503,
                                  .reason = "",
                                  .times = 2};
  const json::object read = json::parse(to_json(history, {problem}, WallTime(), std::nullopt)).as_object();
  EXPECT_THAT(read.at("hour").at("token_life_ms").as_array(), ElementsAre(json::value(nullptr)));
  EXPECT_EQ(read.at("problems").at(0),
            json::parse(R"({"at_unix_ms":7,"client":"<img src=x>","route":"account-summary","outcome":"miss",
                            "status":503,"reason":null,"times":2})"));
}

TEST(HistoryQuery, IsATimeOrNothing) {
  EXPECT_EQ(parse_since("").value(), std::nullopt);
  EXPECT_EQ(parse_since("since=1700000000000").value(), WallTime(1'700'000'000'000ms));
  for (const char* const wrong : {"since=", "since=-1", "since=1.5", "since=now", "since=1&since=2",
                                  "until=1", "since=99999999999999999999", "since"}) {
    const auto parsed = parse_since(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request);
    EXPECT_THAT(parsed.error().context, testing::HasSubstr("accepted: since, in milliseconds"));
  }
}

}  // namespace
}  // namespace roktcached::admin
