#include "config/default_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

namespace roktcached::config {

namespace {

namespace fs = std::filesystem;

/// Whether the cache's folder in `home` is one that we can write to, or can be made.
bool can_keep_files(const fs::path& home) {
  for (const fs::path& folder : {home / ".cache" / "roktcached", home / ".cache", home}) {
    std::error_code error;
    if (!fs::exists(folder, error)) continue;
    return fs::is_directory(folder, error) &&
           ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  }
  return false;
}

std::optional<std::string> value_of(const Environment& environment, const std::string& name) {
  auto value = environment.get(name);
  return value && !value->empty() ? value : std::nullopt;
}

}  // namespace

void set_default_file(Cache& cache, const Environment& environment) {
  if (const auto folders = value_of(environment, "CACHE_DIRECTORY")) {
    cache.file = folders->substr(0, folders->find(':')) + "/roktcached.db";
    return;
  }
  // A relative one is to be ignored (XDG Base Directory Specification).
  if (const auto folder = value_of(environment, "XDG_CACHE_HOME"); folder && folder->starts_with('/')) {
    cache.file = *folder + "/roktcached/roktcached.db";
    return;
  }
  const auto home = value_of(environment, "HOME");
  if (!home) {
    cache.why_no_file = "none of $CACHE_DIRECTORY, $XDG_CACHE_HOME and $HOME is set";
    return;
  }
  const std::string file = *home + "/.cache/roktcached/roktcached.db";
  // A file that is there holds answers. If it cannot be written to any more, the operator must notice.
  if (can_keep_files(*home) || ::access(file.c_str(), F_OK) == 0) {
    cache.file = file;
  } else {
    cache.why_no_file = "$HOME = " + *home + " is no folder that we can write to";
  }
}

}  // namespace roktcached::config
