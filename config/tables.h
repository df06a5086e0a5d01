#pragma once

#include <toml++/toml.h>
#include <string>
#include <vector>

#include "config/mistakes.h"
#include "config/schema.h"
#include "config/settings.h"

namespace roktcached::config {

/// Reads the `[[credential]]` and `[[route]]` tables of a file.
/// @param file  for the mistakes' "FILE:LINE"
void read_credentials(const toml::node& node, const std::string& file, Credential& credential,
                      Mistakes& mistakes);
void read_routes(const toml::node& node, const std::string& file, std::vector<rokt::Route>& routes,
                 Mistakes& mistakes);

/// A node's value as settings take them.
[[nodiscard]] RawValue raw_value(const toml::node& node);
/// "FILE:LINE" of a node.
[[nodiscard]] std::string place(const std::string& file, const toml::node& node);
/// The node's value as it stands in the file, for a mistake.
[[nodiscard]] std::string shown(const toml::node& node);

}  // namespace roktcached::config
