#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "core/error.h"
#include "server/net/inherited_sockets.h"

namespace roktcached {

/// Whether secrets are read, or skipped where there are none, as in CI: app ids and app secrets, the admin
/// token, the TLS private key (and so whether it belongs to its certificate), the key of local tokens.
/// Certificates are public, and are looked at all the same.
enum class Secrets { read, skip };

/// Reads the secrets into `settings`. Refuses whatever Daemon::open would refuse of them, and of the files,
/// folders and groups that the settings name: `check` and `serve` both ask here. Opens no listener, leaves no
/// file behind and changes none. A credential that has its app id already keeps it.
/// @return lines for the operator about what is odd but does no harm yet; or configuration, a line for each
///          mistake, "FILE:LINE: section.key: reason" if the file or a variable says it, else "section.key:
///          reason"
[[nodiscard]] Result<std::vector<std::string>> check_settings(config::Settings& settings, Secrets secrets);

/// Before settings are put in force: logs what check_settings found odd, and raises the limit of open files
/// to what they need.
void make_ready_for(const config::Settings& settings, const std::vector<std::string>& warnings);

/// Connects to the engine of the fleet, and looks at it: for `check` alone, since a daemon starts without it,
/// too. Blocks, for some seconds where the engine does not answer.
/// @param settings  that check_settings has let pass, with secrets
/// @return lines for the operator, as there; unavailable if nobody answers, or configuration where
/// instances would stay alone, a line for each reason
[[nodiscard]] Result<std::vector<std::string>> check_engine(const config::Settings& settings);

/// Whether every address that the settings name is free at the moment, but for those whose sockets are there
/// already: serve asks before it makes anything.
/// @return unavailable, naming the address
[[nodiscard]] Result<void> check_addresses_are_free(const config::Settings& settings,
                                                    const net::InheritedSockets& inherited);

}  // namespace roktcached
