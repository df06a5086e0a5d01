#pragma once

#include <toml++/toml.h>
#include <string>

#include "config/mistakes.h"
#include "config/settings.h"

namespace roktcached::config {

/// Reads `[[client]]` into `settings.clients`, and the clients' shares into `settings.upstream.budget`. Comes
/// after all that concerns `settings.listen.tls`, and before the credentials, whose budgets begin from that.
/// No mistake repeats what stands for a secret: it may be the secret itself.
/// @param file  for the mistakes' "FILE:LINE"
void read_clients(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes);

}  // namespace roktcached::config
