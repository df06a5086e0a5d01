#pragma once

#include "config/load.h"
#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

/// Reads app id and app secret into `credential`, each from the first of: $ROKT_APP_ID / $ROKT_APP_SECRET;
/// the file that app_id_file / app_secret_file names; rokt_app_id / rokt_app_secret in $CREDENTIALS_DIRECTORY
/// (systemd). One line break at the end of a file is dropped. A file of our own naming that group or others
/// can read is refused.
/// @return configuration, naming the source, never the value
[[nodiscard]] Result<void> load_credential(Credential& credential, const Environment& environment);

/// Reads the admin token from admin.token_file, where that names a file; the same rules.
[[nodiscard]] Result<void> load_admin_token(Admin& admin);

}  // namespace roktcached::config
