#pragma once

#include <vector>

#include "server/openapi/route_operations.h"

namespace roktcached::openapi {

/// The operations of the admin API, those of the health listener among them.
[[nodiscard]] std::vector<Operation> admin_operations();

}  // namespace roktcached::openapi
