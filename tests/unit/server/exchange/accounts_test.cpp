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
