#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace roktcached::commands {

/// Where a command line is wrong, what came there and what is accepted, in one or two lines: a wrong name has
/// the one that is most like it, "did you mean ...?".
/// @param app    the program; it has been parsed, as far as that went
/// @param error  that parsing has thrown
[[nodiscard]] std::string usage_mistake(CLI::App& app, const CLI::Error& error);

/// The first word of a command line where it is meant as a command and is none; else empty.
/// @return the mistake, as above
[[nodiscard]] std::string command_mistake(CLI::App& app, int argc, const char* const* argv);

}  // namespace roktcached::commands
