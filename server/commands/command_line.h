#pragma once

namespace roktcached::commands {

/// Reads the command line and runs the command that it names. Says on standard error what is wrong with it.
/// @return the process's exit code, see ExitCode
[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace roktcached::commands
