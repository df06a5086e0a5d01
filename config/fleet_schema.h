#pragma once

#include <vector>

#include "config/schema.h"

namespace roktcached::config {

/// Adds the rows of `[fleet]`, in the order of the default file.
void add_fleet(std::vector<Setting>& table);

}  // namespace roktcached::config
