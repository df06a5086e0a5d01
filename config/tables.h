#pragma once

#include <toml++/toml.h>

#include <string>
#include <vector>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Readers of a file's tables that are not sections.
/// @param file  for the mistakes' "FILE:LINE"

/// Reads `[[credential]]` in place of the settings' credentials. Call it after all that concerns
/// `settings.upstream.budget`, from which each credential's budget begins.
void read_credentials(const toml::node& node, const std::string& file, Settings& settings,
                      Mistakes& mistakes);
/// Reads `[[route]]`.
void read_routes(const toml::node& node, const std::string& file, std::vector<rokt::Route>& routes,
                 Mistakes& mistakes);

/// Reads `[[client]]` into `settings.clients`, and the clients' shares into `settings.upstream.budget`. Call
/// it after all that concerns `settings.listen.tls`, and before the credentials, whose budgets begin from
/// that one. No mistake repeats a value that stands for a secret: it may be the secret itself.
/// @param file  for the mistakes' "FILE:LINE"
void read_clients(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

/// Reads `[[warm]]` into `settings.named_warmings`. Call it after [parameters], with the environment's values
/// of it, and after [[route]]: a report that nobody could ask for is a mistake.
/// @param file  for the mistakes' "FILE:LINE"
void read_warmings(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

/// Reads the `[[freshness.override]]` tables of a file into `settings`. Call it after [freshness], with the
/// environment's values of it, since an override takes what it leaves out from there; and after [[route]],
/// since an override names routes.
/// @param file  for the mistakes' "FILE:LINE"
void read_overrides(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

}  // namespace roktcached::config
