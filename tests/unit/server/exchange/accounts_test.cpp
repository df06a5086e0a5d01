#include "server/exchange/accounts.h"

#include <gtest/gtest.h>

#include "server/admin/accounts_json.h"

namespace roktcached::exchange {
namespace {

using inbound::Outcome;
using namespace std::chrono_literals;

TEST(Accounts, CountByCallerRouteAndOutcome) {
  Accounts thread;
  thread.add("tableau", "account-summary", Outcome::hit, 0ms);
  thread.add("tableau", "account-summary", Outcome::hit, 0ms);
  thread.add("tableau", "account-summary", Outcome::miss, 250ms);
  thread.add("10.0.0.1", "", Outcome::refused, 0ms);
  const auto accounts = thread.read();
  ASSERT_EQ(accounts.size(), 2U);
  EXPECT_EQ(accounts[0].client, "10.0.0.1");
  EXPECT_EQ(accounts[0].route, "-");
  EXPECT_EQ(accounts[1].of(Outcome::hit), 2U);
  EXPECT_EQ(accounts[1].of(Outcome::miss), 1U);
  EXPECT_EQ(accounts[1].waited, 250ms);
}

TEST(Accounts, ManyCallersAreOneFromSomeNumberOn) {
  Accounts thread;
  for (int i = 0; i < 1000; ++i) thread.add(std::to_string(i), "a", Outcome::hit, 0ms);
  const auto accounts = thread.read();
  EXPECT_EQ(accounts.size(), 257U);
  EXPECT_EQ(accounts.front().client, "(others)");
  EXPECT_EQ(accounts.front().of(Outcome::hit), 744U);
}

/// The row of the last request is not searched for again; every part of what it is found by counts.
TEST(Accounts, TellApartWhatDiffersFromTheLastInOnePart) {
  Accounts thread;
  for (int round = 0; round < 3; ++round) {
    for (const char* const client : {"a", "b"}) {
      for (const char* const route : {"r", "s", ""}) {
        thread.add(client, route, Outcome::hit, 0ms);
        thread.add(std::string(client), std::string(route), Outcome::miss, 1ms);
      }
    }
  }
  const auto accounts = thread.read();
  ASSERT_EQ(accounts.size(), 6U);
  for (const auto& account : accounts) {
    EXPECT_EQ(account.of(Outcome::hit), 3U) << account.client << account.route;
    EXPECT_EQ(account.of(Outcome::miss), 3U) << account.client << account.route;
    EXPECT_EQ(account.waited, 3ms);
  }
}

TEST(Accounts, OneThatIsNotToldApartIsNeitherTakenForAnotherNorAnotherForIt) {
  Accounts thread;
  for (int i = 0; i < 256; ++i) thread.add(std::to_string(i), "a", Outcome::hit, 0ms);
  for (const char* const client : {"300", "301", "7", "300", "(others)"})
    thread.add(client, "a", Outcome::miss, 0ms);
  std::uint64_t others = 0;
  std::uint64_t seventh = 0;
  for (const auto& account : thread.read()) {
    if (account.client == "(others)") others += account.of(Outcome::miss);
    if (account.client == "7") seventh += account.of(Outcome::miss);
  }
  EXPECT_EQ(others, 4U);
  EXPECT_EQ(seventh, 1U);
}

TEST(Accounts, ThoseOfSeveralThreadsAreSummed) {
  Accounts one;
  Accounts two;
  one.add("a", "r", Outcome::hit, 1ms);
  two.add("a", "r", Outcome::hit, 2ms);
  two.add("b", "r", Outcome::miss, 0ms);
  auto all = one.read();
  for (auto& account : two.read()) all.push_back(account);
  const auto sums = summed(all);
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_EQ(sums[0].of(Outcome::hit), 2U);
  EXPECT_EQ(sums[0].waited, 3ms);
}

TEST(Accounts, TheStatusSaysWhatEachCallerCostAndWasSaved) {
  Accounts thread;
  for (const auto outcome :
       {Outcome::miss, Outcome::hit, Outcome::hit, Outcome::collapsed, Outcome::stale_if_error})
    thread.add("tableau", "account-summary", outcome, 10ms);
  upstream::Spending spending;
  spending.add("tableau", "account-summary", upstream::Reason::miss);
  spending.add("tableau", "account-summary", upstream::Reason::retry);
  spending.add("", "account-summary", upstream::Reason::refresh_ahead);
  const auto clients = admin::clients_json(thread.read(), spending.read());
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients.at(0).at("client"), "-");
  const auto& tableau = clients.at(1);
  EXPECT_EQ(tableau.at("asked"), 5U);
  EXPECT_EQ(tableau.at("from_cache"), 3U);
  EXPECT_EQ(tableau.at("saved"), 3U);
  EXPECT_EQ(tableau.at("waited_ms"), 50U);
  EXPECT_EQ(tableau.at("upstream"), 2U);
  EXPECT_EQ(tableau.at("upstream_by_reason").at("retry"), 1U);
  EXPECT_EQ(tableau.at("routes").at("account-summary").at("asked"), 5U);
  EXPECT_EQ(admin::requests_json(thread.read()).at("hit"), 2U);
}

}  // namespace
}  // namespace roktcached::exchange
