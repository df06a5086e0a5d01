#include "server/fleet/fleet_log.h"

#include <gtest/gtest.h>

#include "tests/unit/server/fleet/fleet_log_fixture.h"

namespace roktcached::fleet {
namespace {

using Accounts = std::vector<std::string>;

class FleetLogTest : public FleetLogFixture {
 protected:
  Confirmed tell(const caching::Purge& purge) {
    const auto told = upstream::begin(context, log->tell(purge));
    run();
    EXPECT_TRUE(*told);
    return told->value_or(Confirmed{99, 99});
  }
  void expect_told_when_it_can_be_read() {
    link();
    lose_link();
    tell(of_account("1"));
    store.fails = true;
    restart();
    tell(of_account("2"));
    link();
    EXPECT_EQ(accounts_told(), (Accounts{"2"}));
    store.fails = false;
    show_again();
    EXPECT_EQ(accounts_told(), (Accounts{"2", "1"}));
    lose_link();
    restart();
    link();
    EXPECT_EQ(accounts_told(), (Accounts{"2", "1"})) << "once";
  }
};

TEST_F(FleetLogTest, WhereNobodyKnowsWhatWasPurgedAllIsStale) {
  add_purge("5-0", of_account("1"));
  greet();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].kind, caching::PurgeKind::soft);
  EXPECT_EQ(accounts_done(), (Accounts{"all", "1"}));
  EXPECT_EQ(shown_done(), "5-0");
  EXPECT_EQ(log->members(0).known, 3U);
}

TEST_F(FleetLogTest, WhatWasPurgedAloneIsToldOnceTheEngineIsBack) {
  link();
  lose_link();
  const Confirmed confirmed = tell(of_account("1"));
  EXPECT_EQ(confirmed.confirmed, 1U);
  EXPECT_EQ(confirmed.instances, 3U);
  tell(of_account("2"));
  EXPECT_TRUE(store.is_on_disk());
  EXPECT_TRUE(known.purges.empty());
  link();
  EXPECT_EQ(accounts_told(), (Accounts{"1", "2"}));
  lose_link();
  link();
  EXPECT_EQ(known.purges.size(), 2U) << "once";
}

TEST_F(FleetLogTest, WhoeverIsAloneNeverSaysThatItIsTheOnlyOne) {
  lose_link();
  const Confirmed alone = tell(of_account("1"));
  EXPECT_EQ(alone.confirmed, 1U);
  EXPECT_EQ(alone.instances, 2U);
}

/// An engine that was emptied knows of those alone that have shown themselves since.
TEST_F(FleetLogTest, AfterAnEngineHasLostItsMembersTheyAreExpectedUntilTheyAreBack) {
  const auto told_alone = [this] {
    lose_link();
    const Confirmed alone = tell(of_account("1"));
    link();
    return alone.instances;
  };
  link();
  EXPECT_EQ(told_alone(), 3U);
  known.epoch = "another";
  known.members = "1";
  show_again();
  EXPECT_EQ(told_alone(), 3U) << "they are expected back";
  known.members = "3";
  show_again();
  known.members = "2";
  show_again();
  EXPECT_EQ(told_alone(), 2U) << "all were back, and one has left since";
}

TEST_F(FleetLogTest, WhatWasPurgedAloneIsToldAfterARestartToo) {
  link();
  lose_link();
  tell(of_account("1"));
  restart();
  tell(of_account("2"));  // before the engine was there at all
  restart();
  link();
  EXPECT_EQ(accounts_told(), (Accounts{"1", "2"}));
  lose_link();
  restart();
  link();
  EXPECT_EQ(known.purges.size(), 2U) << "once";
}

TEST_F(FleetLogTest, WhatTheOthersWereNotToldOfOutlivesAStoreThatCannotBeRead) {
  expect_told_when_it_can_be_read();
}

TEST_F(FleetLogTest, SoItDoesOneThatDoesNotSayThatItCannot) {
  store.fails_silently = true;
  expect_told_when_it_can_be_read();
}

TEST_F(FleetLogTest, APurgeIsToldOnceThoughItIsShownMeanwhile) {
  link();
  engine.wait_for_test("purge");
  const auto told = upstream::begin(context, log->tell(of_account("1")));
  run();
  show_again();
  EXPECT_EQ(engine.waiting("purge").size(), 1U);
}

TEST_F(FleetLogTest, APurgeThatFailsUnexpectedlyIsDoneAllTheSame) {
  link();
  done.clear();
  purges_that_throw = 2;
  add_purge("5-0", of_account("1"));
  tell_purge("5-0", known.purges.back().second);
  EXPECT_EQ(accounts_done(), (Accounts{"1"}));
  EXPECT_EQ(shown_done(), "5-0");
}

TEST_F(FleetLogTest, SoDoesWhatMakesAllStale) {
  purges_that_throw = 2;
  link();
  EXPECT_EQ(accounts_done(), (Accounts{"all"}));
  EXPECT_EQ(store.last_note().epoch, known.epoch);
}

/// It would hear of no purge any more.
TEST_F(FleetLogTest, WhoeverCannotFollowTheLogIsNotTogether) {
  for (const std::string command : {"XREAD", "member"}) {
    link();
    ASSERT_TRUE(engine.together());
    engine.lost.clear();
    engine.answer(command,
                  [](const FakeEngine::Command&) -> std::optional<EngineReply> { throw std::bad_alloc(); });
    if (command == "XREAD") {
      tell_stream(crew().log_key, list_reply({text_reply("5-0"), texts_reply("k", "landed")}));
    } else {
      show_again();
    }
    EXPECT_FALSE(engine.together()) << command;
    EXPECT_NE(engine.lost, "") << command;
    if (command == "XREAD") engine.wait_for_test(command);
    lose_link();
  }
}

TEST_F(FleetLogTest, WhatItKnewOfTheEngineStaysBesideWhatIsUntold) {
  add_purge("5-0", of_account("1"));
  link();
  lose_link();
  restart();
  tell(of_account("2"));
  restart();
  done.clear();
  link();
  EXPECT_EQ(accounts_done(), (Accounts{"2"})) << "it is told, and heard; nothing else was missed";
}

TEST_F(FleetLogTest, APurgeThatGotNoAnswerIsToldAgainThoughTheLinkStays) {
  link();
  engine.answer("purge", text_reply("rubbish"));
  tell(of_account("1"));
  const caching::Key key("emea /a LATEST");
  EXPECT_FALSE(log->allows(0, {key, "route", "1", ""}, {0, 0})) << "it may be of before";
  EXPECT_TRUE(log->allows(0, {key, "route", "2", ""}, {0, 0}));
  engine.answer("purge", [this](const FakeEngine::Command& command) {
    known.purges.emplace_back(next_position(), command.arguments[0]);
    return text_reply(known.purges.back().first);
  });
  show_again();
  EXPECT_EQ(accounts_told(), (Accounts{"1"}));
  tell_purge("1-0", known.purges.back().second);
  EXPECT_TRUE(log->allows(0, {key, "route", "1", ""}, {1, 0}));
}

TEST_F(FleetLogTest, WhatIsStillToBeMadeStaleIsSoAfterARestart) {
  link();
  lose_link();
  known.epoch = "another";
  purger_stands = true;
  link();
  lose_link();
  const auto told = upstream::begin(context, log->tell(of_account("1")));
  run();
  done.clear();
  purger.restart();
  purger.poll();
  EXPECT_EQ(accounts_done(), (Accounts{"all"}));
  ASSERT_EQ(store.last_note().untold.size(), 1U);
  EXPECT_EQ(store.last_note().epoch, "") << "that was not known to be done when this was written";
  EXPECT_TRUE(store.is_on_disk());
  purger_stands = false;
  run();
  EXPECT_EQ(store.last_note().epoch, "another");
}

/// It may have been told of events that never were; then it would hear of no other until the engine's clock
/// is there.
TEST_F(FleetLogTest, ALieAboutAPurgesPositionEndsWithTheFirstTrueWord) {
  add_purge("5-0", of_account("1"));
  link();
  done.clear();
  tell_purge("99999999999999-0", "rubbish");
  EXPECT_EQ(log->heard(0).text(), "5-0") << "it has shown itself after that, and heard the truth";
  EXPECT_EQ(shown_done(), "5-0");
  add_purge("6-0", of_account("2"));  // which it had not heard of yet
  show_again();
  EXPECT_EQ(engine.heard("XREAD").back()->arguments.back(), "5-0") << "it hears anew what came after that";
  EXPECT_EQ(accounts_told(), (Accounts{"1", "2", "all"})) << "it may have been true, and is lost";
  tell_purge("6-0", known.purges[1].second);
  tell_purge("7-0", known.purges[2].second);
  EXPECT_EQ(accounts_done(), (Accounts{"all", "2", "all"}));
  EXPECT_EQ(shown_done(), "7-0");
  const caching::Key key("emea /a LATEST");
  EXPECT_TRUE(log->allows(0, {key, "route", "3", ""}, {7, 0}))
      << "what the lie has purged is nothing any more";
}

TEST_F(FleetLogTest, ALieThatIsInTheStoreEndsToo) {
  known.forgotten = "99999999999999-0";
  known.purges.emplace_back("99999999999999-1", "rubbish");  // the engine stands by it
  link();
  EXPECT_EQ(shown_done(), "99999999999999-1");
  lose_link();
  restart();
  known.forgotten = "0-0";
  known.purges.clear();
  add_purge("7-0", of_account("1"));
  done.clear();
  link();
  EXPECT_EQ(accounts_done(), (Accounts{"1", "all"}));
  EXPECT_EQ(shown_done(), "8-0");
  const caching::Key key("emea /a LATEST");
  EXPECT_TRUE(log->allows(0, {key, "route", "3", ""}, {8, 0}));
}

TEST_F(FleetLogTest, WhatComesWhileItIsAskedIsNoLie) {
  add_purge("5-0", of_account("1"));
  link();
  done.clear();
  engine.wait_for_test("member");
  show_again();
  const EngineReply said = member_reply();
  add_purge("6-0", of_account("2"));
  tell_purge("6-0", known.purges.back().second);
  engine.reply("member", said);
  run();
  EXPECT_EQ(accounts_done(), (Accounts{"2"}));
}

TEST_F(FleetLogTest, ALieAboutTheLogsPositionEndsToo) {
  known.last_of_log = "5-0";
  link();
  const auto asked_from = [&] {
    const Words& words = engine.heard("XREAD").back()->arguments;
    return words[words.size() - 2];
  };
  EXPECT_EQ(asked_from(), "5-0");
  tell_stream(crew().log_key, list_reply({text_reply("99999999999999-0"), texts_reply("k", "landed")}));
  EXPECT_EQ(taken, (std::vector<std::string>{"landed"}));
  EXPECT_EQ(asked_from(), "99999999999999-0");
  known.last_of_log = "6-0";
  show_again();
  answer_follower(EngineReply());
  EXPECT_EQ(asked_from(), "6-0");
}

/// Positions of one engine mean nothing at another: it would say that it has done what it has not heard of.
TEST_F(FleetLogTest, WhatAnEarlierEngineToldIsDoneAndShownToNoOther) {
  link();
  purger_stands = true;
  add_purge("5-0", of_account("1"));
  tell_purge("5-0", known.purges.back().second);
  lose_link();
  known.epoch = "another";
  known.purges.clear();
  link();
  done.clear();
  purger_stands = false;
  run();
  EXPECT_EQ(accounts_done(), (Accounts{"1", "all"}));
  show_again();
  EXPECT_EQ(shown_done(), "0-0");
}

}  // namespace
}  // namespace roktcached::fleet
