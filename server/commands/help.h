#pragma once

#include <string>
#include <vector>

#include "server/commands/commands.h"

namespace roktcached::commands {

/// An exit code of a command, and when it ends with it.
struct ExitMeaning {
  ExitCode code;
  std::string meaning;
};

/// The end of a command's help; the manual has the same.
struct Help {
  std::vector<std::string> examples;  ///< whole command lines
  std::vector<ExitMeaning> exits;     ///< beside success and usage, which every command has
  bool reads_settings = true;         ///< so that the environment counts
  bool reads_secrets = false;         ///< of the upstream, likewise
};

/// Examples, exit codes and environment variables, each under its name and indented by four.
[[nodiscard]] std::string help_text(const Help& help);

}  // namespace roktcached::commands
