#pragma once

#include "server/commands/commands.h"

namespace CLI {
class App;
}

namespace roktcached::commands {

/// `purge` as it stands on the command line.
void add_options(CLI::App& command, PurgeOptions& options);

}  // namespace roktcached::commands
