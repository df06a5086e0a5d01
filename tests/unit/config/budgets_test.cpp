#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "config/credentials.h"
#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

/// `[upstream.budget]`, and the `[[credential]]` tables that have a budget of their own.
class BudgetsTest : public testing::Test {
 protected:
  Loader loader_;
};

TEST_F(BudgetsTest, ReadsEveryKey) {
  const auto settings = loader_.load(
      "[upstream]\nmax_retries = 0\nmax_age = \"1m\"\n[upstream.budget]\nrequests_per_second = 2.5\nburst = "
      "3\nmax_concurrent = 4\nmax_queued = 0\nmax_queue_wait = \"5s\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->upstream.max_retries, 0U);
  EXPECT_EQ(settings->upstream.max_age, 1min);
  EXPECT_EQ(settings->upstream.budget, (Budget{2.5, 3, 4, 0, 5s, {}}));
  EXPECT_EQ(settings->credentials.front().budget, settings->upstream.budget) << "without a [[credential]]";
}

TEST_F(BudgetsTest, AMistakeNamesItsLineAndKey) {
  EXPECT_THAT(loader_.mistakes("[upstream.budget]\nrequests_per_second = -1\n"),
              ElementsAre(StartsWith("FILE:2: upstream.budget.requests_per_second = -1: accepted: 0, or a")));
  EXPECT_THAT(loader_.mistakes("[upstream.budget]\nrequests_per_second = 0.001\n"),
              ElementsAre(StartsWith("FILE:2: upstream.budget.requests_per_second = 0.001: accepted: ")));
  EXPECT_THAT(loader_.mistakes("[upstream.budget]\nburst = 1.5\n"),
              ElementsAre(StartsWith("FILE:2: upstream.budget.burst = 1.5: accepted: a whole number")));
  EXPECT_THAT(
      loader_.mistakes("[upstream.budget]\nbrust = 1\n"),
      ElementsAre(AllOf(StartsWith("FILE:2: upstream.budget.brust: "), HasSubstr("did you mean burst?"))));
  EXPECT_THAT(loader_.mistakes("[upstream]\nbudget = 5\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: upstream.budget: "), HasSubstr("[upstream.budget]"))));
}

// Earlier versions had the weights in a table of their own: left unread, every client would have the same.
TEST_F(BudgetsTest, ATableOfSharesIsToldWhereTheyWent) {
  const auto told = ElementsAre(AllOf(StartsWith("FILE:2: upstream.budget.shares: is no more"),
                                      HasSubstr("accepted: [[client]] upstream_share")));
  EXPECT_THAT(loader_.mistakes("\n[upstream.budget.shares]\ntableau = 4\n"), told);
  EXPECT_THAT(loader_.mistakes("[upstream.budget]\nshares = 4\n"), told);
}

TEST_F(BudgetsTest, SharesAreNoVariable) {
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_UPSTREAM_BUDGET_SHARES", "tableau=4"}}),
              ElementsAre(StartsWith("$ROKTCACHED_UPSTREAM_BUDGET_SHARES: no such setting")));
}

TEST_F(BudgetsTest, ACredentialsBudgetBeginsFromTheUpstreams) {
  const auto settings = loader_.load(
      "[[credential]]\nname = \"a\"\naccounts = [\"1\"]\n[credential.budget]\nburst = "
      "3\nrequests_per_second = 0\n"
      "[[credential]]\nname = \"b\"\n"
      "[upstream.budget]\nmax_queued = 7\n[[client]]\nname = \"tableau\"\nupstream_share = 4\nsecret_hash "
      "= \"" +
          std::string(a_secret_hash) + "\"\n",
      {{"ROKTCACHED_UPSTREAM_BUDGET_MAX_CONCURRENT", "2"}, {"ROKTCACHED_UPSTREAM_BUDGET_BURST", "9"}});
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_THAT(settings->credentials, SizeIs(2));
  EXPECT_EQ(settings->credentials[0].budget, (Budget{0, 3, 2, 7, 20s, {{"tableau", 4.0}}}));
  EXPECT_EQ(settings->credentials[1].budget, (Budget{10, 9, 2, 7, 20s, {{"tableau", 4.0}}}));
  EXPECT_EQ(settings->upstream.budget, settings->credentials[1].budget);
}

TEST_F(BudgetsTest, ACredentialsBudgetsMistakesNameTheirLines) {
  const std::string head = "[[credential]]\n[credential.budget]\n";
  EXPECT_THAT(loader_.mistakes(head + "burst = 0\n"),
              ElementsAre(StartsWith("FILE:3: credential.budget.burst = 0: accepted: a whole number")));
  EXPECT_THAT(
      loader_.mistakes(head + "brust = 1\n"),
      ElementsAre(AllOf(StartsWith("FILE:3: credential.budget.brust: "), HasSubstr("did you mean burst?"))));
  EXPECT_THAT(loader_.mistakes(head + "shares = { tableau = 4 }\n"),
              ElementsAre(AllOf(StartsWith("FILE:3: credential.budget.shares: "),
                                HasSubstr("accepted: [[client]] upstream_share"))));
  EXPECT_THAT(
      loader_.mistakes("[[credential]]\nbudget = 5\n"),
      ElementsAre(AllOf(StartsWith("FILE:2: credential.budget: "), HasSubstr("[credential.budget]"))));
}

TEST_F(BudgetsTest, SeveralCredentialsShareTheAccounts) {
  const auto settings = loader_.load(
      "[[credential]]\nname = \"emea\"\naccounts = [\"1\", \"2\"]\n"
      "[[credential]]\nname = \"apac\"\naccounts = [\"3\"]\n[[credential]]\nname = \"rest\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  const auto& credentials = settings->credentials;
  ASSERT_THAT(credentials, SizeIs(3));
  EXPECT_THAT(credentials[0].accounts, ElementsAre("1", "2"));
  EXPECT_THAT(credentials[2].accounts, IsEmpty());
  EXPECT_TRUE(credentials[0].is_first);
  EXPECT_FALSE(credentials[1].is_first);
  EXPECT_FALSE(credentials[2].is_first);
  EXPECT_EQ(credential_for(credentials, "2"), 0U);
  EXPECT_EQ(credential_for(credentials, "3"), 1U);
  EXPECT_EQ(credential_for(credentials, "4"), 2U);
}

TEST_F(BudgetsTest, ACredentialsNameIsItsOwn) {
  EXPECT_THAT(loader_.mistakes("[[credential]]\naccounts = [\"1\"]\n[[credential]]\n"),
              ElementsAre(StartsWith("FILE:3: credential.name = \"default\": there is one of this name")));
}

TEST_F(BudgetsTest, ACredentialThatIsNeverUsedIsRefused) {
  EXPECT_THAT(loader_.mistakes("[[credential]]\nname = \"a\"\n\n[[credential]]\nname = \"b\"\naccounts = "
                               "[\"1\"]\n"),
              ElementsAre(AllOf(StartsWith("FILE:4: credential \"b\": is never used"),
                                HasSubstr("credential \"a\""), HasSubstr("accepted: accounts"))));
}

TEST_F(BudgetsTest, ACredentialsAccountsAreOneOrMoreAccountIds) {
  for (const char* accounts : {"[]", "\"1\"", "[1]", "[\"1\", \"1\"]", "[\"a/b\"]"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[[credential]]\naccounts = ") + accounts + "\n"),
                testing::AllOf(SizeIs(1), Each(StartsWith("FILE:2: credential.accounts = "))))
        << accounts;
  }
}

}  // namespace
}  // namespace roktcached::config
