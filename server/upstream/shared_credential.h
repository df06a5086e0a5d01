#pragma once

#include "server/upstream/limit/shared_budget.h"
#include "server/upstream/token/shared_token.h"

namespace roktcached::upstream {

/// What a fleet shares of one credential. Outlives the upstream client.
struct SharedCredential {
  SharedBudget& budget;
  SharedToken& token;
};

}  // namespace roktcached::upstream
