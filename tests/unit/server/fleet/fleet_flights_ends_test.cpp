#include "server/fleet/fleet_flights.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/server/fleet/fleet_flights_fixture.h"

namespace roktcached::fleet {
namespace {

class FleetFlightsEndTest : public FleetFlightsFixture {};

TEST_F(FleetFlightsEndTest, WhatIsFetchedLandsUnderItsFence) {
  add_purge("6-0", of_account("8"));
  greet();
  auto joined = lead("12", "6-0");
  const auto ours = response("ours");
  end(joined, outcome_of(ours));
  ASSERT_EQ(engine.heard("land").size(), 1U);
  EXPECT_EQ(engine.heard("land")[0]->keys,
            (Words{entry_key(), flight_key(), crew().log_key, crew().flights_key}));
  const Words& said = latest("land");
  EXPECT_EQ(said[0], "12");
  EXPECT_EQ(said[1], std::to_string(unix_ms(ours.fetched_at)));
  EXPECT_EQ(said[2], std::to_string(unix_ms(ours.fresh_until)));
  EXPECT_EQ(said[3], "6-0") << "the last purge when it began";
  EXPECT_EQ(said[4], std::to_string(24 * 3'600'000));
  EXPECT_EQ(said[6], name());
  EXPECT_EQ(said[7], "10000");
  EXPECT_EQ(said[8], "65536");
  say("land", text_reply("landed"));
  EXPECT_EQ(flights.counts().landed, 1U);
  EXPECT_TRUE(engine.heard("tell").empty());
  // Whoever reads it finds the same.
  const auto reader = join();
  say("flight", texts_reply("stored", "12", "6-0"));
  say("HMGET", texts_reply(said[0], said[1], said[2], said[3], said[5]));
  EXPECT_EQ(body_of(reader), "ours");
}

TEST_F(FleetFlightsEndTest, APurgeThatTheEngineAloneKnowsOfCameBefore) {
  add_purge("6-0", of_account("8"));
  greet();
  auto joined = lead("12", "7-0");
  end(joined, outcome_of(response("ours")));
  EXPECT_EQ(latest("land")[3], "7-0");
}

TEST_F(FleetFlightsEndTest, ALateAnswerIsNotCounted) {
  auto joined = lead();
  end(joined, outcome_of(response("ours")));
  say("land", text_reply("superseded"));
  EXPECT_EQ(flights.counts().landed, 0U);
  EXPECT_TRUE(engine.heard("tell").empty());
}

TEST_F(FleetFlightsEndTest, WhatDoesNotLandIsTold) {
  auto gone = response("ours");
  gone.usable_until = clock.wall;
  auto large = response(std::string(max_in_log + 1, 'x'));
  struct Case {
    std::string why;
    proxy::FetchOutcomePtr outcome;
    std::string kind;
    bool has_text;
  };
  for (const Case& one :
       {Case{"the upstream's failure", failure_of(ErrorCode::upstream_unreachable), "failed", true},
        Case{"its timeout", failure_of(ErrorCode::upstream_timeout), "failed", true},
        Case{"its rubbish", failure_of(ErrorCode::upstream_invalid_response), "failed", true},
        Case{"no token", failure_of(ErrorCode::token_unavailable), "failed", true},
        Case{"no budget", failure_of(ErrorCode::upstream_budget_exhausted), "failed", true},
        Case{"the client's", failure_of(ErrorCode::client_gone), "ended", false},
        Case{"this instance's", failure_of(ErrorCode::overloaded), "ended", false},
        Case{"nothing", nullptr, "ended", false},
        Case{"too large", outcome_of(response("ours"), Storing::too_large), "ended", false},
        Case{"not stored", outcome_of(response("ours"), Storing::not_json), "answered", true},
        Case{"not usable", outcome_of(gone), "answered", true},
        Case{"large", outcome_of(large, Storing::not_json), "answered", false}}) {
    auto joined = lead("12");
    end(joined, one.outcome);
    ASSERT_FALSE(engine.waiting("tell").empty()) << one.why;
    EXPECT_EQ(engine.waiting("tell")[0]->keys, (Words{flight_key(), crew().log_key, crew().flights_key}));
    const Words said = latest("tell");
    EXPECT_EQ(said[0], "12");
    EXPECT_EQ(said[1], one.kind) << one.why;
    EXPECT_EQ(said[2], name());
    EXPECT_EQ(said[3], "10000");
    EXPECT_EQ(!said[4].empty(), one.has_text) << one.why;
    if (one.has_text) {
      const auto opened = crew().answers->open(said[4], said[1] + "|" + crew().prefix + "|" + name() +
                                                            "|12|" + said[5] + "|" + said[6] + "|" + said[7]);
      ASSERT_TRUE(opened) << one.why;
      EXPECT_EQ(one.kind == "failed", read_failure(*opened).has_value());
    }
    say("tell", text_reply("1"));
  }
  EXPECT_EQ(latest("tell")[6], std::to_string(static_cast<int>(Storing::not_json)));
  EXPECT_TRUE(engine.heard("land").empty());
}

TEST_F(FleetFlightsEndTest, WhereTheEngineIsFullWhoWaitsIsToldAllTheSame) {
  auto joined = lead();
  end(joined, outcome_of(response("ours")));
  engine.fail("land", ErrorCode::storage_full);
  run();
  EXPECT_EQ(latest("tell")[1], "landed");
  EXPECT_FALSE(latest("tell")[4].empty());
  say("tell", text_reply("1"));
  auto large = lead();
  std::string body(2 * max_in_log, '\0');
  std::minstd_rand random(1);
  for (char& c : body) c = static_cast<char>(random() >> 8);
  end(large, outcome_of(response(body)));
  engine.fail("land", ErrorCode::storage_full);
  run();
  EXPECT_EQ(latest("tell")[1], "ended") << "what is large is not for the log";
  EXPECT_TRUE(latest("tell")[4].empty());
  say("tell", text_reply("1"));
  auto lost = lead();
  end(lost, outcome_of(response("ours")));
  engine.fail("land", ErrorCode::unavailable);
  run();
  EXPECT_EQ(engine.heard("tell").size(), 2U) << "nobody is there to be told";
}

TEST_F(FleetFlightsEndTest, ADutyThatIsGivenUpIsToldAsEnded) {
  {
    auto joined = lead("12");
    ASSERT_TRUE(joined.duty);
  }
  run();
  ASSERT_EQ(engine.heard("tell").size(), 1U);
  EXPECT_EQ(latest("tell")[0], "12");
  EXPECT_EQ(latest("tell")[1], "ended");
  engine.is_together = false;
  { const auto alone = join(); }
  engine.is_together = true;
  run();
  EXPECT_EQ(engine.heard("tell").size(), 1U) << "nobody waits for what is fetched alone";
}

class FleetLeaseTest : public FleetFlightsEndTest {
 protected:
  /// Each renewal comes at once.
  FleetLeaseTest() { clock.steady -= 2h; }
  Joined lead_and_renew() {
    Joined joined = lead("12");
    upstream::run_until(context, [&] { return !engine.waiting("renew").empty(); });
    return joined;
  }
  void say_and_wait(const std::string& to, EngineReply reply, const std::string& until) {
    engine.reply(to, std::move(reply));
    upstream::run_until(context, [&] { return !engine.waiting(until).empty(); });
  }
};

TEST_F(FleetLeaseTest, ALeaseIsRenewedUntilTheFetchHasEnded) {
  Joined joined = lead_and_renew();
  EXPECT_EQ(engine.heard("renew")[0]->keys, (Words{flight_key(), crew().flights_key}));
  EXPECT_EQ(latest("renew"), (Words{"12", "2000"}));
  say_and_wait("renew", texts_reply("1", "0"), "renew");
  EXPECT_FALSE(turn.joined) << "nobody waits elsewhere";
  engine.fail("renew", ErrorCode::upstream_timeout);
  upstream::run_until(context, [&] { return !engine.waiting("renew").empty(); });
  EXPECT_EQ(engine.heard("renew").size(), 3U) << "one that is not answered ends nothing";
  end(joined, outcome_of(response("ours")));
  say("renew", texts_reply("0", "0"));
  say("land", text_reply("landed"));
  EXPECT_EQ(engine.heard("renew").size(), 3U);
  EXPECT_EQ(engine.heard("flight").size(), 1U);
}

TEST_F(FleetLeaseTest, WhereSomebodyWaitsElsewhereTheRequestIsUrgent) {
  upstream::Turn refresh;
  refresh.begin({"", upstream::Priority::refresh_ahead}, clock.steady, 20s);
  request.upstream.priority = upstream::Priority::refresh_ahead;
  const auto pending = upstream::begin(context, flights.join(request, refresh));
  run();
  say("flight", texts_reply("lead", "12", "0-0", "0"));
  upstream::run_until(context, [&] { return !engine.waiting("renew").empty(); });
  EXPECT_FALSE(refresh.is_interactive());
  say_and_wait("renew", texts_reply("1", "1"), "renew");
  EXPECT_TRUE(refresh.is_interactive());
  (**pending).duty->end(nullptr);
  run();
}

TEST_F(FleetLeaseTest, ALeaseThatWasLostIsTakenAgainUnderANewFence) {
  Joined joined = lead_and_renew();
  say_and_wait("renew", texts_reply("0", "0"), "flight");
  say_and_wait("flight", texts_reply("lead", "20", "9-0", "0"), "renew");
  EXPECT_EQ(latest("renew")[0], "20");
  end(joined, outcome_of(response("ours")));
  EXPECT_EQ(latest("land")[0], "20");
  EXPECT_EQ(latest("land")[3], "0-0") << "it has begun before that purge";
}

TEST_F(FleetLeaseTest, WhereAnotherHasTheLeaseTheOldFenceStays) {
  Joined joined = lead_and_renew();
  say_and_wait("renew", texts_reply("0", "0"), "flight");
  say_and_wait("flight", texts_reply("flying", "20", "0-0", "1000"), "renew");
  end(joined, outcome_of(response("ours")));
  EXPECT_EQ(latest("land")[0], "12") << "which is fenced off there";
}

/// One that was stopped for longer than its lease brings an older answer than the one that is there.
TEST_F(FleetLeaseTest, WhereAnotherHasFetchedItMeanwhileTheOldFenceStays) {
  const WallTime begun = clock.wall;
  Joined joined = lead_and_renew();
  clock.wall += 10s;
  say_and_wait("renew", texts_reply("0", "0"), "flight");
  EXPECT_EQ(latest("flight")[2], "1") << "what is stored and fresh ends it";
  EXPECT_EQ(latest("flight")[3], std::to_string(unix_ms(begun))) << "if it was fetched later";
  say_and_wait("flight", texts_reply("stored", "20", "0-0"), "renew");
  end(joined, outcome_of(response("ours")));
  EXPECT_EQ(latest("land")[0], "12") << "which is fenced off there";
}

TEST_F(FleetFlightsEndTest, WhatWasBegunAloneJoinsTheOthers) {
  engine.is_together = false;
  auto waits = join();
  ASSERT_TRUE(is_alone(waits));
  engine.is_together = true;
  flights.linked();
  run();
  EXPECT_TRUE(turn.recalled()) << "it is not sent yet: it begins anew";
  EXPECT_TRUE(engine.heard("flight").empty());
  (**waits).duty->end(nullptr);
  turn.resume();
  engine.is_together = false;
  auto under_way = join();
  const upstream::Turn::UnderWay sent(&turn);
  flights.linked();
  EXPECT_FALSE(turn.recalled()) << "still alone";
  engine.is_together = true;
  flights.linked();
  flights.linked();
  run();
  EXPECT_FALSE(turn.recalled());
  ASSERT_EQ(engine.heard("flight").size(), 1U) << "it is told of, once";
  EXPECT_EQ(latest("flight"), (Words{"owner", std::to_string(unix_ms(clock.wall)), "1",
                                     std::to_string(unix_ms(clock.wall)), "2000", "1"}));
  say("flight", texts_reply("lead", "30", "0-0", "0"));
  (**under_way).duty->end(outcome_of(response("ours")));
  run();
  EXPECT_EQ(latest("land")[0], "30");
  say("land", text_reply("landed"));
  flights.linked();
  run();
  EXPECT_EQ(engine.heard("flight").size(), 1U) << "it has ended";
}

TEST_F(FleetFlightsEndTest, WhatEndsWhileItJoinsIsToldAsEnded) {
  engine.is_together = false;
  auto joined = join();
  const upstream::Turn::UnderWay sent(&turn);
  engine.is_together = true;
  flights.linked();
  run();
  end(**joined, outcome_of(response("ours")));
  EXPECT_TRUE(engine.heard("land").empty());
  say("flight", texts_reply("lead", "30", "0-0", "0"));
  ASSERT_EQ(engine.heard("tell").size(), 1U);
  EXPECT_EQ(latest("tell")[0], "30");
  EXPECT_EQ(latest("tell")[1], "ended");
}

TEST_F(FleetFlightsEndTest, AtTheEndNobodyIsTold) {
  auto joined = lead();
  upstream::Turn other;
  other.begin({"client", upstream::Priority::interactive}, clock.steady, 20s);
  request.key = caching::Key("emea /b LATEST");
  const auto waits = upstream::begin(context, flights.join(request, other));
  run();
  say("flight", texts_reply("flying", "5", "0-0", "1500"));
  flights.stop();
  engine.is_together = false;
  run();
  EXPECT_TRUE(is_alone(waits)) << "it waits no longer";
  engine.is_together = true;
  end(joined, outcome_of(response("ours")));
  EXPECT_TRUE(engine.heard("land").empty());
  EXPECT_TRUE(engine.heard("tell").empty());
}

}  // namespace
}  // namespace roktcached::fleet
