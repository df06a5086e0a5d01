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
/// as those left them.
/// @param file  from --config; else $ROKTCACHED_CONFIG, ./roktcached.toml, /etc/roktcached/roktcached.toml,
/// the first that
///              exists; else no file
/// @return configuration; its context holds every mistake found, a line each: "FILE:LINE: section.key =
/// VALUE: what is
///         wrong; accepted: ...". Secrets are not read here: see load_credential.
[[nodiscard]] Result<Settings> load(const std::optional<std::string>& file, const Environment& environment);

/// The [admin] section alone, as far as it can be read of settings that may be in error: where to ask the
/// daemon that runs with earlier ones.
[[nodiscard]] Admin load_admin(const std::optional<std::string>& file, const Environment& environment);

/// Where the key of local tokens is when no setting says so: beside the cache file. Empty where there is
/// none.
[[nodiscard]] std::string default_token_key_file(const std::string& cache_file);

}  // namespace roktcached::config
