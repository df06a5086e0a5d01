#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

/// How settings that were read again differ from those in force; each list names keys, "section.key", and
/// tables, "[[client]]", in the order of the default file.
struct Changes {
  std::vector<std::string> taken;          ///< differ, and can be put in force now
  std::vector<std::string> needs_restart;  ///< differ, and stay as they are for as long as the process runs
};

/// Compares the settings that were read again with those in force, and gives `wanted` the values in force of
/// what a running process cannot change: `wanted` then says what will be true. Secrets are compared, too, and
/// are to have been read; they are not named.
///
/// Credentials are told apart by name, place and app id, which fetches under way and the cache file go by.
/// Where one of these differs all credentials stay as they are, but for the shares of clients, and for
/// secrets that have been changed in place.
[[nodiscard]] Changes keep_what_cannot_change(const Settings& in_force, Settings& wanted);

/// Checks the relations of settings in which some values have been kept, as check_relations does.
/// @return configuration, a line for each mistake
[[nodiscard]] Result<void> check_kept(const Settings& settings);

}  // namespace roktcached::config
