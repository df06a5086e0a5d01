#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

/// How settings that were read again differ from those in force. Each list names keys, "section.key", and
/// tables, "[[client]]", in the order of the default file.
struct Changes {
  std::vector<std::string> taken;          ///< differ, and can be put in force now
  std::vector<std::string> needs_restart;  ///< differ, and stay as they are for as long as the process runs
};

/// Compares the settings that were read again with those in force. Where a running process cannot change a
/// value, `wanted` gets the one in force, so that `wanted` then says what will be true. Secrets must have
/// been read: they are compared, too, but not named.
///
/// Credentials are told apart by name, place and app id, since fetches under way and the cache file go by
/// these. If one of these differs, all credentials stay as they are, except for the shares of clients, and
/// for secrets that have been changed in place.
[[nodiscard]] Changes keep_what_cannot_change(const Settings& in_force, Settings& wanted);

/// Checks the relations of settings in which some values have been kept, as check_relations does.
/// @return configuration, a line for each mistake
[[nodiscard]] Result<void> check_kept(const Settings& settings);

}  // namespace roktcached::config
