#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

/// The name of a credential's app_id_file or app_secret_file in messages.
[[nodiscard]] std::string secret_file_key(const std::string& key, const std::string& credential_name);

/// Reads app id and app secret into `credential`, each from the first of: the file that app_id_file /
/// app_secret_file names; $ROKT_APP_ID / $ROKT_APP_SECRET (only the first credential); rokt_app_id_NAME /
/// rokt_app_secret_NAME in $CREDENTIALS_DIRECTORY (systemd); rokt_app_id / rokt_app_secret there (only the
/// first credential). A byte order mark at the beginning of a file is dropped, and one line break at its end.
/// A file that the settings name must be private; see why_not_private.
///
/// May be called again at any time, from any thread, to take over secrets that were changed in place: it
/// touches nothing but files and `credential`, which is to be a copy of the caller's own if others read it. A
/// failure leaves `credential` as it was.
/// @return configuration, naming the source, never the value
[[nodiscard]] Result<void> load_credential(Credential& credential, const Environment& environment);

/// The credential that an account's requests go out with: the first that lists it or lists none.
/// @param account_id  empty if a route has none: then the first that lists none
/// @return its index; empty if every credential lists others
[[nodiscard]] std::optional<std::size_t> credential_for(const std::vector<Credential>& credentials,
                                                        std::string_view account_id);

/// The budgets that one daemon works with: each credential's own. If expected_instances says how many daemons
/// share the credential, and no engine has them agree, a budget is this daemon's part of it. A part has a
/// burst of 1 or more.
[[nodiscard]] std::vector<Credential> with_budgets_of_one(std::vector<Credential> credentials,
                                                          const Fleet& fleet);

/// Reads the engine's password and the keys of shared answers, each from the first of: the file that
/// password_file / entry_key_file names; $ROKTCACHED_FLEET_PASSWORD (only the password); rokt_fleet_password
/// / rokt_fleet_entry_keys in $CREDENTIALS_DIRECTORY (systemd). Neither need be there. Without a url nothing
/// is read. A failure leaves `fleet` as it was.
/// @return configuration, naming the source, never the value
[[nodiscard]] Result<void> load_fleet_secrets(Fleet& fleet, const Environment& environment);

/// The variable that the engine's password may stand in.
inline constexpr std::string_view fleet_password_variable = "ROKTCACHED_FLEET_PASSWORD";

/// Reads the admin token from admin.token_file, where that names a file; the same rules.
[[nodiscard]] Result<void> load_admin_token(Admin& admin);

}  // namespace roktcached::config
