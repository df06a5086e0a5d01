#include "server/counters/client_stats.h"

#include <gtest/gtest.h>

#include "server/admin/client_stats_json.h"

namespace roktcached::counters {
namespace {

using http::CacheOutcome;
using namespace std::chrono_literals;

TEST(ClientStats, CountByCallerRouteAndOutcome) {
  ClientStats thread;
  thread.add("tableau", "account-summary", CacheOutcome::hit, 0ms);
  thread.add("tableau", "account-summary", CacheOutcome::hit, 0ms);
  thread.add("tableau", "account-summary", CacheOutcome::miss, 250ms);
  thread.add("10.0.0.1", "", CacheOutcome::refused, 0ms);
  const auto accounts = thread.read();
  ASSERT_EQ(accounts.size(), 2U);
  EXPECT_EQ(accounts[0].client, "10.0.0.1");
  EXPECT_EQ(accounts[0].route, "-");
  EXPECT_EQ(accounts[1].of(CacheOutcome::hit), 2U);
  EXPECT_EQ(accounts[1].of(CacheOutcome::miss), 1U);
  EXPECT_EQ(accounts[1].waited, 250ms);
}

TEST(ClientStats, ManyCallersAreOneFromSomeNumberOn) {
  ClientStats thread;
  for (int i = 0; i < 1000; ++i) thread.add(std::to_string(i), "a", CacheOutcome::hit, 0ms);
  const auto accounts = thread.read();
  EXPECT_EQ(accounts.size(), 257U);
  EXPECT_EQ(accounts.front().client, "(others)");
  EXPECT_EQ(accounts.front().of(CacheOutcome::hit), 744U);
}

TEST(ClientStats, TheConfigurationsClientsAreToldApartHoweverManyOthersCameBefore) {
  ClientStats thread;
  for (int i = 0; i < 1000; ++i) thread.add(std::to_string(i), "-", CacheOutcome::refused, 0ms);
  thread.add("tableau", "a", CacheOutcome::hit, 0ms, true);
  thread.add("tableau", "a", CacheOutcome::hit, 0ms, true);
  const auto accounts = thread.read();
  EXPECT_EQ(accounts.back().client, "tableau");
  EXPECT_EQ(accounts.back().of(CacheOutcome::hit), 2U);
}

/// The row of the last request is not searched for again; every part of what it is found by counts.
TEST(ClientStats, TellApartWhatDiffersFromTheLastInOnePart) {
  ClientStats thread;
  for (int round = 0; round < 3; ++round) {
    for (const char* const client : {"a", "b"}) {
      for (const char* const route : {"r", "s", ""}) {
        thread.add(client, route, CacheOutcome::hit, 0ms);
        thread.add(std::string(client), std::string(route), CacheOutcome::miss, 1ms);
      }
    }
  }
  const auto accounts = thread.read();
  ASSERT_EQ(accounts.size(), 6U);
  for (const auto& account : accounts) {
    EXPECT_EQ(account.of(CacheOutcome::hit), 3U) << account.client << account.route;
    EXPECT_EQ(account.of(CacheOutcome::miss), 3U) << account.client << account.route;
    EXPECT_EQ(account.waited, 3ms);
  }
}

TEST(ClientStats, OneThatIsNotToldApartIsNeitherTakenForAnotherNorAnotherForIt) {
  ClientStats thread;
  for (int i = 0; i < 256; ++i) thread.add(std::to_string(i), "a", CacheOutcome::hit, 0ms);
  for (const char* const client : {"300", "301", "7", "300", "(others)"})
    thread.add(client, "a", CacheOutcome::miss, 0ms);
  std::uint64_t others = 0;
  std::uint64_t seventh = 0;
  for (const auto& account : thread.read()) {
    if (account.client == "(others)") others += account.of(CacheOutcome::miss);
    if (account.client == "7") seventh += account.of(CacheOutcome::miss);
  }
  EXPECT_EQ(others, 4U);
  EXPECT_EQ(seventh, 1U);
}

TEST(ClientStats, ThoseOfSeveralThreadsAreSummed) {
  ClientStats one;
  ClientStats two;
  one.add("a", "r", CacheOutcome::hit, 1ms);
  two.add("a", "r", CacheOutcome::hit, 2ms);
  two.add("b", "r", CacheOutcome::miss, 0ms);
  auto all = one.read();
  for (auto& account : two.read()) all.push_back(account);
  const auto sums = summed(all);
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_EQ(sums[0].of(CacheOutcome::hit), 2U);
  EXPECT_EQ(sums[0].waited, 3ms);
}

TEST(ClientStats, TheStatusSaysWhatEachCallerCostAndWasSaved) {
  ClientStats thread;
  for (const auto outcome : {CacheOutcome::miss, CacheOutcome::hit, CacheOutcome::hit,
                             CacheOutcome::collapsed, CacheOutcome::stale_if_error})
    thread.add("tableau", "account-summary", outcome, 10ms);
  counters::UpstreamStats spending;
  spending.add("tableau", "account-summary", counters::Reason::miss);
  spending.add("tableau", "account-summary", counters::Reason::retry);
  spending.add("", "account-summary", counters::Reason::refresh_ahead);
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

TEST(UpstreamStats, CountsWhateverCameBefore) {
  counters::UpstreamStats spending;
  for (int round = 0; round < 3; ++round) {
    for (const std::string client : {"", "-", "tableau"}) {
      for (const std::string route : {"summary", "overview"}) {
        spending.add(client, route, Reason::miss);
        spending.add(client, route, Reason::retry);
      }
    }
  }
  const auto spent = spending.read();
  ASSERT_EQ(spent.size(), 4U);
  for (const counters::Spent& one : spent) {
    const std::uint64_t each = one.client == "-" ? 6 : 3;
    EXPECT_EQ(one.by_reason[static_cast<std::size_t>(Reason::miss)], each) << one.client << one.route;
    EXPECT_EQ(one.by_reason[static_cast<std::size_t>(Reason::retry)], each) << one.client << one.route;
  }
}

TEST(UpstreamStats, BeyondSoManyCallersCountsTheRestAsOne) {
  counters::UpstreamStats spending;
  for (int number = 0; number < 300; ++number) {
    const std::string client = "client " + std::to_string(number);
    spending.add(client, "summary", Reason::miss);
    spending.add(client, "summary", Reason::miss);
  }
  const auto spent = spending.read();
  EXPECT_EQ(spent.size(), 257U);
  const auto others = std::ranges::find(spent, "(others)", &counters::Spent::client);
  ASSERT_NE(others, spent.end());
  EXPECT_EQ(others->by_reason[static_cast<std::size_t>(Reason::miss)], 2U * 44);
}

}  // namespace
}  // namespace roktcached::counters
