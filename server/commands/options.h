#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/commands/commands.h"
#include "server/simulator/simulator.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace roktcached::commands {

/// Each command's options as they stand on the command line.
void add_options(CLI::App& command, ExplainOptions& options);
void add_options(CLI::App& command, StatusOptions& options);
void add_options(CLI::App& command, ListOptions& options);
void add_options(CLI::App& command, WarmOptions& options);
void add_options(CLI::App& command, VerifyOptions& options);
void add_options(CLI::App& command, PurgeOptions& options);

/// Takes one of these words, and names them all of anything else.
[[nodiscard]] CLI::Validator one_of(const std::vector<std::string>& words);

/// `simulate` as it stands on the command line.
struct SimulateArguments {
  std::string listen = "127.0.0.1:9090";
  std::string now;
  std::string end_date = "exclusive";
  std::int64_t token_lifetime_s = 3600;
  simulator::Options options;
};

void add_options(CLI::App& command, SimulateArguments& arguments);

/// @throws CLI::ValidationError naming the option, what came and what is accepted
[[nodiscard]] simulator::Options simulator_options(const SimulateArguments& arguments);

}  // namespace roktcached::commands
