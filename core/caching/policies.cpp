#include "core/caching/policies.h"

#include <algorithm>
#include <utility>

namespace roktcached::caching {

namespace {

bool takes(const std::vector<std::string>& sorted, std::string_view one) {
  if (sorted.empty()) return true;
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), one);
  return found != sorted.end() && *found == one;
}

}  // namespace

FreshnessPolicies::FreshnessPolicies(FreshnessPolicy general, std::vector<PolicyOverride> overrides)
    : general_(general), overrides_(std::move(overrides)) {
  for (auto& one : overrides_) {
    std::ranges::sort(one.routes);
    std::ranges::sort(one.accounts);
  }
}

const FreshnessPolicy& FreshnessPolicies::policy_for(std::string_view route,
                                                     std::string_view account_id) const {
  const auto found = std::ranges::find_if(overrides_, [&](const PolicyOverride& one) {
    return takes(one.routes, route) && takes(one.accounts, account_id);
  });
  return found == overrides_.end() ? general_ : found->policy;
}

}  // namespace roktcached::caching
