#include <gtest/gtest.h>

#include "server/fleet/fleet_log.h"
#include "tests/unit/server/fleet/fleet_log_fixture.h"

// The purges of a FleetLog that are still due here, are done, or may have been missed.

namespace roktcached::fleet {
namespace {

using namespace std::chrono_literals;
using Accounts = std::vector<std::string>;

using FleetLogDueTest = FleetLogFixture;

TEST_F(FleetLogDueTest, AfterARestartItDoesWhatItHasMissed) {
  add_purge("5-0", of_account("1"));
  greet();
  done.clear();
  add_purge("6-0", of_account("2"));
  restart();
  greet();
  EXPECT_EQ(accounts_done(), (Accounts{"2"}));
  EXPECT_EQ(shown_done(), "6-0");
}

TEST_F(FleetLogDueTest, WhatTheEngineHasForgottenMeanwhileMayHaveBeenAnything) {
  add_purge("5-0", of_account("1"));
  greet();
  done.clear();
  known.purges.clear();
  add_purge("9-0", of_account("2"));
  known.forgotten = "8-99";
  restart();
  greet();
  EXPECT_EQ(accounts_done(), (Accounts{"all", "2"}));
  EXPECT_EQ(shown_done(), "9-0");
}

/// This process has stood still, say, while its connection was kept.
TEST_F(FleetLogDueTest, WhatTheEngineHasForgottenBetweenTwoEventsMayHaveBeenAnything) {
  link();
  add_purge("5-0", of_account("1"));
  tell_purge("5-0", known.purges.back().second);
  EXPECT_EQ(accounts_done(), (Accounts{"all", "1"})) << "an engine not met before makes all stale";
  known.purges.clear();
  known.forgotten = "8-0";
  add_purge("9-0", of_account("2"));
  tell_purge("9-0", known.purges.back().second);
  EXPECT_EQ(accounts_done(), (Accounts{"2", "all"}));
  EXPECT_EQ(store.last_note().done.text(), "9-0");
  known.forgotten = "9-0";
  show_again();
  EXPECT_EQ(accounts_done(), (Accounts{})) << "it was heard";
}

TEST_F(FleetLogDueTest, WhatItHasMissedIsMadeStaleAfterARestartToo) {
  link();
  done.clear();
  known.forgotten = "8-0";
  add_purge("9-0", of_account("2"));
  engine.wait_for_test("member");  // it does not hear of it before it ends
  tell_purge("9-0", known.purges.back().second);
  EXPECT_EQ(accounts_done(), (Accounts{"2"}));
  lose_link();
  restart();
  engine.answer("member", [this](const FakeEngine::Command&) { return member_reply(); });
  link();
  EXPECT_EQ(accounts_done(), (Accounts{"all", "2"}));
}

TEST_F(FleetLogDueTest, WhatIsForgottenWhileItIsStillDueHereIsDoneAloneAndShownAfterwards) {
  link();
  done.clear();
  purger_stands = true;
  add_purge("5-0", of_account("1"));
  tell_purge("5-0", known.purges.back().second);
  show_again();
  known.purges.clear();
  known.forgotten = "5-0";
  add_purge("9-0", of_account("2"));
  show_again();
  EXPECT_EQ(shown_done(), "0-0");
  purger_stands = false;
  run();
  EXPECT_EQ(accounts_done(), (Accounts{"1"})) << "it has missed nothing";
  EXPECT_EQ(shown_done(), "5-0");
}

TEST_F(FleetLogDueTest, NothingIsShownAsDoneBeforeAllIsStale) {
  link();
  lose_link();
  purger_stands = true;
  known.purges.clear();
  known.forgotten = "5-0";
  add_purge("9-0", of_account("2"));
  link();
  show_again();
  EXPECT_EQ(shown_done(), "0-0");
  purger_stands = false;
  run();
  EXPECT_EQ(shown_done(), "9-0");
}

TEST_F(FleetLogDueTest, APurgeThatTheDiskHasNotDoneIsNotShownAsDone) {
  link();
  done.clear();
  add_purge("5-0", of_account("1"));
  engine.wait_for_test("member");
  clock.steady -= 2h;  // it is tried again at once
  store_failures = 2;
  tell_purge("5-0", known.purges.back().second);
  EXPECT_EQ(store_failures, 0);
  EXPECT_EQ(accounts_done(), (Accounts{"1"}));
  EXPECT_EQ(shown_before, "0-0");
  EXPECT_EQ(shown_done(), "5-0");
  EXPECT_EQ(store.last_note().done.text(), "0-0") << "it may have missed some before";
  engine.reply("member", member_reply());
  run();
  EXPECT_EQ(store.last_note().done.text(), "5-0");
}

TEST_F(FleetLogDueTest, WhatIsStillToBePurgedIsCountedUntilItIsDone) {
  link();
  EXPECT_EQ(log->due(), 0U);
  lose_link();
  known.epoch = "another";
  purger_stands = true;
  link();
  EXPECT_EQ(log->due(), 1U) << "an engine not met before makes all stale";
  add_purge("5-0", of_account("1"));
  tell_purge("5-0", known.purges.back().second);
  EXPECT_EQ(log->due(), 2U);
  purger_stands = false;
  run();
  EXPECT_EQ(log->due(), 0U);
}

TEST_F(FleetLogDueTest, PurgesThatFollowEachOtherAndAreTheSameAreDoneAtOnce) {
  link();
  done.clear();
  purger_stands = true;
  const auto told = [this](const std::string& position, const caching::Purge& purge) {
    add_purge(position, purge);
    tell_purge(position, known.purges.back().second);
  };
  told("5-0", of_account("1"));
  told("6-0", of_account("1"));
  told("7-0", of_account("1", caching::PurgeKind::soft));
  told("8-0", of_account("1"));
  told("9-0", of_account("2"));
  told("10-0", of_account("2"));
  EXPECT_EQ(log->due(), 6U);
  purger_stands = false;
  run();
  EXPECT_EQ(accounts_done(), (Accounts{"1", "1", "1", "1", "2"}))
      << "the first one was under way when the second one came";
  EXPECT_EQ(log->due(), 0U);
  EXPECT_EQ(shown_done(), "10-0");
}

TEST_F(FleetLogDueTest, MoreForgottenThanThereWasIsNoWord) {
  add_purge("5-0", of_account("1"));
  link();
  done.clear();
  known.forgotten = "6-0";
  show_again();
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(shown_done(), "5-0");
}

}  // namespace
}  // namespace roktcached::fleet
