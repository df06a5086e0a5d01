#pragma once

#include <optional>
#include <string>

#include "config/settings.h"

namespace roktcached::commands {

/// Reads the configuration as every verb does; says on standard error what is wrong with it.
/// @return empty where it is not usable: the verb ends with ExitCode::configuration
[[nodiscard]] std::optional<config::Settings> load_settings(const std::optional<std::string>& config_file);

/// Reads the admin token, where one is configured, likewise.
[[nodiscard]] bool load_admin_token(config::Settings& settings);

}  // namespace roktcached::commands
