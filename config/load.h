#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

/// The process's environment, as a seam for tests.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> get;
  std::function<std::vector<std::string>()> names;  ///< every variable's name
};
[[nodiscard]] Environment process_environment();

/// Reads the settings: defaults, then the file, then the environment's ROKTCACHED_SECTION_KEY; last
/// [[freshness.override]], [[client]] and [[credential]], which begin from [freshness] and [upstream.budget]
/// as those left them. Secrets are not read here: see load_credential.
/// @param file  from --config; else $ROKTCACHED_CONFIG, ./roktcached.toml, /etc/roktcached/roktcached.toml,
///          the first that exists; else no file
/// @return configuration; its context holds every mistake found, a line each: "FILE:LINE: section.key =
///          VALUE: what is wrong; accepted: ..."
[[nodiscard]] Result<Settings> load(const std::optional<std::string>& file, const Environment& environment);

/// The [admin] section alone, as far as it can be read from settings that may be in error. It tells where to
/// ask a daemon that runs with earlier settings.
[[nodiscard]] Admin load_admin(const std::optional<std::string>& file, const Environment& environment);

/// The place of the key of local tokens if no setting says it: beside the cache file. Empty if there is no
/// file.
[[nodiscard]] std::string default_token_key_file(const std::string& cache_file);

}  // namespace roktcached::config
