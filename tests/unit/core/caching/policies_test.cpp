#include "core/caching/policies.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace roktcached::caching {
namespace {

using namespace std::chrono_literals;

/// A policy that can be told from others.
FreshnessPolicy policy_of(std::chrono::milliseconds open) {
  FreshnessPolicy policy;
  policy.open = open;
  return policy;
}

TEST(FreshnessPolicies, WithoutOverridesAreTheGeneralOne) {
  const FreshnessPolicies policies(policy_of(1s));
  EXPECT_EQ(policies.policy_for("account-summary", "1").open, 1s);
  EXPECT_EQ(policies.policy_for("", "").open, 1s);
}

TEST(FreshnessPolicies, AnOverrideOfRoutesTakesEveryAccount) {
  const FreshnessPolicies policies(policy_of(1s), {{{"b", "a"}, {}, policy_of(2s)}});
  EXPECT_EQ(policies.policy_for("a", "1").open, 2s);
  EXPECT_EQ(policies.policy_for("b", "").open, 2s) << "the order in the list says nothing";
  EXPECT_EQ(policies.policy_for("c", "1").open, 1s);
  EXPECT_EQ(policies.policy_for("", "1").open, 1s);
}

TEST(FreshnessPolicies, AnOverrideOfAccountsTakesEveryRoute) {
  const FreshnessPolicies policies(policy_of(1s), {{{}, {"20", "3"}, policy_of(2s)}});
  EXPECT_EQ(policies.policy_for("a", "3").open, 2s);
  EXPECT_EQ(policies.policy_for("b", "20").open, 2s);
  EXPECT_EQ(policies.policy_for("a", "2").open, 1s) << "an id is compared as a whole";
  EXPECT_EQ(policies.policy_for("a", "200").open, 1s);
  EXPECT_EQ(policies.policy_for("a", "").open, 1s) << "a route without an account";
}

TEST(FreshnessPolicies, AnOverrideOfBothNeedsBoth) {
  const FreshnessPolicies policies(policy_of(1s), {{{"a"}, {"1"}, policy_of(2s)}});
  EXPECT_EQ(policies.policy_for("a", "1").open, 2s);
  EXPECT_EQ(policies.policy_for("a", "2").open, 1s);
  EXPECT_EQ(policies.policy_for("b", "1").open, 1s);
  EXPECT_EQ(policies.policy_for("1", "a").open, 1s);
}

TEST(FreshnessPolicies, TheFirstThatMatchesCounts) {
  const std::vector<PolicyOverride> overrides = {
      {{"a"}, {"1"}, policy_of(2s)}, {{"a"}, {}, policy_of(3s)}, {{}, {"1"}, policy_of(4s)}};
  const FreshnessPolicies policies(policy_of(1s), overrides);
  EXPECT_EQ(policies.policy_for("a", "1").open, 2s);
  EXPECT_EQ(policies.policy_for("a", "2").open, 3s);
  EXPECT_EQ(policies.policy_for("b", "1").open, 4s);
  EXPECT_EQ(policies.policy_for("b", "2").open, 1s);
  const FreshnessPolicies reversed(policy_of(1s), {overrides.rbegin(), overrides.rend()});
  EXPECT_EQ(reversed.policy_for("a", "1").open, 4s);
}

// What the override says counts whole: it was completed from the general policy when it was read.
TEST(FreshnessPolicies, AnOverridesPolicyIsNotMixedWithTheGeneralOne) {
  FreshnessPolicy general = policy_of(1s);
  general.settled = 5s;
  const FreshnessPolicies policies(general, {{{"a"}, {}, policy_of(2s)}});
  EXPECT_EQ(policies.policy_for("a", "1").settled, FreshnessPolicy{}.settled);
  EXPECT_EQ(policies.policy_for("b", "1").settled, 5s);
}

TEST(FreshnessPolicies, AReferenceLivesAsLongAsTheObject) {
  const FreshnessPolicies policies(policy_of(1s), {{{"a"}, {}, policy_of(2s)}});
  EXPECT_EQ(&policies.policy_for("a", "1"), &policies.policy_for(std::string("a"), "2"));
  EXPECT_EQ(&policies.policy_for("b", "1"), &policies.policy_for("c", "2"));
}

}  // namespace
}  // namespace roktcached::caching
