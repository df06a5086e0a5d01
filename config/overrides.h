#pragma once

#include <toml++/toml.h>
#include <string>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Reads the `[[freshness.override]]` tables of a file into `settings`. Comes after [freshness], with what
/// the environment says of it, and [[route]]: an override takes from the one what it leaves out, and names
/// the other.
/// @param file  for the mistakes' "FILE:LINE"
void read_overrides(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

}  // namespace roktcached::config
