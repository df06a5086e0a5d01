#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

#include "core/rokt/time_zone.h"
#include "server/commands/command_line.h"
#include "server/commands/commands.h"
#include "server/process.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // For each command: several of them read secrets.
  if (const auto hardened = roktcached::harden_process(); !hardened) {
    std::fprintf(stderr, "roktcached: %s\n", hardened.error().context.c_str());
    return roktcached::commands::failed;
  }
  try {
    roktcached::rokt::TimeZone::load();
    return roktcached::commands::run_command_line(argc, argv);
  } catch (const std::system_error& error) {
    // From a thread that could not be started, std::thread says no more than what the number means.
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again;
    std::fprintf(stderr, "roktcached: %s%s\n", error.what(),
                 no_thread ? ": no more threads may be started (TasksMax=, ulimit -u, pids.max)" : "");
    return roktcached::commands::failed;
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "roktcached: %s\n", exception.what());
    return roktcached::commands::failed;
  }
}
