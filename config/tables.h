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

/// Reads `[[client]]` into `settings.clients`, and the clients' shares into `settings.upstream.budget`. Comes
/// after all that concerns `settings.listen.tls`, and before the credentials, whose budgets begin from that.
/// No mistake repeats what stands for a secret: it may be the secret itself.
/// @param file  for the mistakes' "FILE:LINE"
void read_clients(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

/// Reads `[[warm]]` into `settings.named_warmings`. Comes after [parameters], with what the environment says
/// of it, and [[route]]: a report that could not be asked for is a mistake.
/// @param file  for the mistakes' "FILE:LINE"
void read_warmings(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

/// Reads the `[[freshness.override]]` tables of a file into `settings`. Comes after [freshness], with what
/// the environment says of it, and [[route]]: an override takes from the one what it leaves out, and names
/// the other.
/// @param file  for the mistakes' "FILE:LINE"
void read_overrides(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

}  // namespace roktcached::config
