#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/caching/freshness.h"

namespace roktcached::caching {

/// A freshness policy for some of the requests on Rokt routes.
struct PolicyOverride {
  std::vector<std::string> routes;    ///< names; empty: every route
  std::vector<std::string> accounts;  ///< ids; empty: every account
  FreshnessPolicy policy;             ///< complete: what the operator left out is the general policy's

  friend bool operator==(const PolicyOverride&, const PolicyOverride&) = default;
};

/// Which freshness policy a request has: that of the first override that takes both its route and its
/// account, else the general one. Asked for report and metadata routes only; on the others the upstream's own
/// fields decide, whatever the account.
///
/// Made from the settings, and never changed after that: safe from any thread. policy_for neither allocates
/// nor fails; its references live as long as this object.
class FreshnessPolicies {
 public:
  explicit FreshnessPolicies(FreshnessPolicy general, std::vector<PolicyOverride> overrides = {});

  /// @param route  the route's name
  /// @param account_id  as RouteMatch has it; empty, as on a route without `{accountId}`, it is in no list of
  ///                    accounts
  [[nodiscard]] const FreshnessPolicy& policy_for(std::string_view route, std::string_view account_id) const;

 private:
  FreshnessPolicy general_;
  std::vector<PolicyOverride> overrides_;  // the lists in each are sorted
};

}  // namespace roktcached::caching
