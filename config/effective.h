#pragma once

#include <string>

#include "config/settings.h"

namespace roktcached::config {

/// Every setting in force as TOML. It says whether secrets are set, but has neither them nor the hashes of
/// clients' secrets. With those filled in, it can be read as a file, and makes the same settings.
[[nodiscard]] std::string effective_toml(const Settings& settings);

}  // namespace roktcached::config
