#pragma once

#include <toml++/toml.h>
#include <string>
#include <vector>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Reads the `[[credential]]` and `[[route]]` tables of a file.
/// @param file  for the mistakes' "FILE:LINE"
void read_credentials(const toml::node& node, const std::string& file, Credential& credential,
                      Mistakes& mistakes);
void read_routes(const toml::node& node, const std::string& file, std::vector<rokt::Route>& routes,
                 Mistakes& mistakes);

}  // namespace roktcached::config
