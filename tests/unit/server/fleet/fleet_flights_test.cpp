#include "server/fleet/fleet_flights.h"

#include <gtest/gtest.h>

#include "tests/unit/server/fleet/fleet_flights_fixture.h"

namespace roktcached::fleet {
namespace {

class FleetFlightsTest : public FleetFlightsFixture {};

TEST_F(FleetFlightsTest, WhoeverLeadsFetches) {
  const auto joined = join();
  const auto asked = engine.heard("flight").at(0);
  EXPECT_EQ(asked->keys,
            (Words{entry_key(), flight_key(), crew().fences_key, crew().purges_key, crew().flights_key}));
  EXPECT_EQ(asked->arguments, (Words{"owner", std::to_string(unix_ms(clock.wall)), "1", "0", "2000", "1"}));
  say("flight", texts_reply("lead", "5", "0-0", "0"));
  ASSERT_TRUE(is_alone(joined));
  EXPECT_EQ((**joined).stored, nullptr);
  EXPECT_EQ(flights.counts().led, 1U);
  EXPECT_EQ(flights.counts().alone, 0U);
  EXPECT_TRUE(engine.heard("HMGET").empty());
}

TEST_F(FleetFlightsTest, WhatIsAskedForFollowsFromTheRequest) {
  request.takes_stored = false;
  request.stored = caching::share(response("old"));
  upstream::Turn refresh;
  refresh.begin({"", upstream::Priority::refresh_ahead}, clock.steady, 20s);
  request.upstream.priority = upstream::Priority::refresh_ahead;
  const auto joined = upstream::begin(context, flights.join(request, refresh));
  run();
  EXPECT_EQ(latest("flight")[2], "0");
  EXPECT_EQ(latest("flight")[3], std::to_string(unix_ms(clock.wall)));
  EXPECT_EQ(latest("flight")[5], "0") << "nobody waits for it";
  flights.stop();
  engine.go_away();
  run();
}

TEST_F(FleetFlightsTest, WhoeverLeadsRevalidatesWhatLiesThere) {
  const auto joined = join();
  say("flight", texts_reply("lead", "6", "0-0", "1"));
  EXPECT_FALSE(*joined);
  EXPECT_EQ(latest("HMGET"), (Words{entry_key(), "fence", "fetched", "fresh", "pos", "sealed"}));
  say("HMGET", stored(response("theirs")));
  ASSERT_TRUE(is_alone(joined));
  ASSERT_TRUE((**joined).stored);
  EXPECT_EQ(*(**joined).stored->body, "theirs");
}

TEST_F(FleetFlightsTest, WithoutAFenceItIsFetchedAlone) {
  for (const std::string fence : {"", "-1", "1|2", "123456789012345678901", "x"}) {
    auto joined = lead(fence);
    ASSERT_TRUE(joined.duty);
    end(joined, outcome_of(response("ours")));
    EXPECT_TRUE(engine.heard("land").empty()) << fence;
  }
  EXPECT_EQ(flights.counts().alone, 5U);
  EXPECT_EQ(flights.counts().led, 0U);
}

TEST_F(FleetFlightsTest, WithoutAnEngineItIsFetchedAlone) {
  engine.is_doubtful = true;
  EXPECT_TRUE(is_alone(join()));
  EXPECT_EQ(engine.settled, 1);
  engine.is_doubtful = false;
  const auto failing = join();
  engine.fail("flight", ErrorCode::upstream_timeout);
  run();
  EXPECT_TRUE(is_alone(failing));
  const auto strange = join();
  say("flight", texts_reply("what", "5", "0-0"));
  EXPECT_TRUE(is_alone(strange));
  EXPECT_EQ(flights.counts().alone, 3U);
}

TEST_F(FleetFlightsTest, WhereNobodyWantsItAnyMoreNobodyIsAsked) {
  turn.abandon();
  EXPECT_TRUE(is_alone(join()));
  EXPECT_TRUE(engine.heard("flight").empty());
}

TEST_F(FleetFlightsTest, WhatIsStoredIsTaken) {
  const auto joined = join();
  say("flight", texts_reply("stored", "5", "0-0"));
  say("HMGET", stored(response("theirs")));
  ASSERT_EQ(body_of(joined), "theirs");
  EXPECT_EQ(bodies.read().all, std::string_view("theirs").size());
  const FetchOutcome& outcome = *(**joined).outcome;
  EXPECT_TRUE(outcome.of_fleet);
  EXPECT_TRUE(outcome.stored());
  EXPECT_EQ(outcome.to_store.size(), 1U);
  EXPECT_EQ(outcome.kind, proxy::AnswerKind::report);
  EXPECT_EQ(outcome.upstream_status, 200U);
  EXPECT_FALSE((**joined).duty);
  EXPECT_EQ(flights.counts().taken, 1U);
}

TEST_F(FleetFlightsTest, WhatIsStoredAndMayNotBeUsedIsFetchedAnew) {
  add_purge("5-0", of_account("8"));
  add_purge("6-0", of_account("7"));
  greet();
  auto stale = response("theirs");
  stale.fresh_until = clock.wall;
  auto another = response("theirs");
  another.key = caching::Key("emea /b LATEST");
  auto good = response("theirs");
  const std::vector<std::pair<std::string, EngineReply>> unusable{
      {"no entry", list_reply({EngineReply(), EngineReply(), EngineReply(), EngineReply(), EngineReply()})},
      {"damaged", texts_reply("5", "1", "2", "6-0", "rubbish")},
      {"of another fence",
       [&] {
         EngineReply reply = stored(good, {.begun = "6-0"});
         reply.items[0].text = "6";
         return reply;
       }()},
      {"of another purge",
       [&] {
         EngineReply reply = stored(good, {.begun = "5-0"});
         reply.items[3].text = "6-0";
         return reply;
       }()},
      {"of another kind", stored(good, {.kind = "answered", .begun = "6-0"})},
      {"purged since", stored(good, {.begun = "5-0"})},
      {"after a purge that nobody knows", stored(good, {.begun = "99999999999999-0"})},
      {"not fresh", stored(stale, {.begun = "6-0"})},
      {"of another time", stored(good, {.fetched = "1700000000001", .begun = "6-0"})},
      {"another key's", stored(another, {.begun = "6-0"})}};
  std::size_t refused = 0;
  for (const auto& [why, reply] : unusable) {
    const auto joined = join();
    EXPECT_EQ(latest("flight")[2], "1");
    say("flight", texts_reply("stored", "5", "6-0"));
    say("HMGET", reply);
    ASSERT_FALSE(*joined) << why;
    if (why != "no entry") ++refused;
    if (latest("flight")[2] == "1") {
      EXPECT_NE(latest("flight")[3], "0") << "what lands meanwhile is newer: " << why;
      say("flight", texts_reply("stored", "5", "6-0"));
      say("HMGET", reply);
      ASSERT_FALSE(*joined) << why;
      ++refused;
    }
    EXPECT_EQ(latest("flight")[2], "0") << "what is stored will not do: " << why;
    say("flight", texts_reply("stored", "5", "6-0"));
    EXPECT_TRUE(is_alone(joined)) << "it lies: " << why;
  }
  EXPECT_EQ(flights.counts().taken, 0U);
  EXPECT_EQ(flights.counts().refused, refused);
  const auto joined = join();
  say("flight", texts_reply("stored", "5", "6-0"));
  say("HMGET", stored(good, {.begun = "6-0"}));
  EXPECT_EQ(body_of(joined), "theirs");
}

TEST_F(FleetFlightsTest, WhatIsNoNewerThanItsOwnIsNotTaken) {
  request.stored = caching::share(response("ours"));
  const auto joined = join();
  say("flight", texts_reply("stored", "5", "0-0"));
  say("HMGET", stored(response("theirs")));
  EXPECT_FALSE(*joined);
  EXPECT_EQ(flights.counts().refused, 1U);
}

TEST_F(FleetFlightsTest, APurgeThatIsNotKnownYetIsWaitedFor) {
  link();
  const auto joined = join();
  say("flight", texts_reply("stored", "5", "6-0"));
  EXPECT_TRUE(engine.heard("HMGET").empty());
  add_purge("6-0", of_account("7"));
  tell_purge("6-0", known.purges.back().second);
  ASSERT_EQ(engine.heard("HMGET").size(), 1U);
  say("HMGET", stored(response("theirs")));
  EXPECT_FALSE(*joined) << "it is purged";
}

TEST_F(FleetFlightsTest, WhereAPurgeIsNotHeardOfInTimeItIsFetchedAlone) {
  link();
  const auto joined = join();
  say("flight", texts_reply("stored", "5", "6-0"));
  clock.advance(249ms);
  show_again();  // which wakes it
  EXPECT_FALSE(*joined);
  clock.advance(1ms);
  show_again();
  EXPECT_TRUE(is_alone(joined));
  EXPECT_TRUE(engine.heard("HMGET").empty());
}

}  // namespace
}  // namespace roktcached::fleet
