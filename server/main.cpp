#include <csignal>
#include <cstdio>
#include <exception>

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
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "roktcached: %s\n", exception.what());
    return roktcached::commands::failed;
  }
}
