#pragma once

#include <cstdint>
#include <string>

#include "server/commands/commands.h"
#include "server/simulator/simulator.h"

namespace CLI {
class App;
}

namespace roktcached::commands {

/// Each command's options as they stand on the command line.
void add_options(CLI::App& command, ExplainOptions& options);
void add_options(CLI::App& command, StatusOptions& options);
void add_options(CLI::App& command, ListOptions& options);
void add_options(CLI::App& command, WarmOptions& options);
void add_options(CLI::App& command, VerifyOptions& options);
void add_options(CLI::App& command, PurgeOptions& options);

/// `simulate` as it stands on the command line.
struct SimulateArguments {
  std::string listen = "127.0.0.1:9090";
  std::string now;
  std::int64_t token_lifetime_s = 3600;
  simulator::Options options;
};

void add_options(CLI::App& command, SimulateArguments& arguments);

/// @throws CLI::ValidationError naming the option, what came and what is accepted
[[nodiscard]] simulator::Options simulator_options(const SimulateArguments& arguments);

}  // namespace roktcached::commands
