#pragma once

#include <string>

#include "config/settings.h"

namespace roktcached::config {

/// Every setting as TOML, as it is in force; whether secrets are set, never what they are, nor clients'
/// hashes of them. Read as a file, with those filled in, it makes the same settings.
[[nodiscard]] std::string effective_toml(const Settings& settings);

}  // namespace roktcached::config
