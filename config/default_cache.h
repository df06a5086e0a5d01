#pragma once

#include "config/load.h"
#include "config/settings.h"

namespace roktcached::config {

/// Sets the place of the cache file for settings without cache.file: in $CACHE_DIRECTORY (systemd), else in
/// $XDG_CACHE_HOME/roktcached, else in ~/.cache/roktcached. A home that is not there, or that we cannot write
/// to, as those of system users and of pods, does not count. If there is no place, there is no file, and
/// why_no_file says so.
void set_default_file(Cache& cache, const Environment& environment);

}  // namespace roktcached::config
