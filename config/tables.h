#pragma once

#include <toml++/toml.h>
#include <string>
#include <vector>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Readers of a file's tables that are not sections.
/// @param file  for the mistakes' "FILE:LINE"

/// Reads `[[credential]]` in place of the settings' credentials. Comes after all that concerns
/// `settings.upstream.budget`, from which each credential's begins.
void read_credentials(const toml::node& node, const std::string& file, Settings& settings,
                      Mistakes& mistakes);
/// Reads `[[route]]`.
void read_routes(const toml::node& node, const std::string& file, std::vector<rokt::Route>& routes,
                 Mistakes& mistakes);

}  // namespace roktcached::config
