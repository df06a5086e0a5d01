#pragma once

#include <string>

#include "config/settings.h"

namespace roktcached::config {

/// Every setting as TOML, as it is in force; whether secrets are set, never what they are. Read as a file it
/// makes the same settings.
[[nodiscard]] std::string effective_toml(const Settings& settings);

}  // namespace roktcached::config
