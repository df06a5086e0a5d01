#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace roktcached::commands {

/// The mistake in a command line, in one or two lines: its place, what came there, and what is accepted. For
/// a wrong name it asks "did you mean ...?" with the name that is most like it.
/// @param app    the program; it has been parsed, as far as that went
/// @param error  that parsing has thrown
[[nodiscard]] std::string usage_mistake(CLI::App& app, const CLI::Error& error);

/// The first word of a command line where it is meant as a command and is none; else empty.
/// @return the mistake, as above
[[nodiscard]] std::string command_mistake(CLI::App& app, int argc, const char* const* argv);

}  // namespace roktcached::commands
