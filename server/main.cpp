#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "core/rokt/time_zone.h"
#include "server/commands/commands.h"
#include "server/commands/options.h"
#include "server/process.h"

namespace {

namespace commands = roktcached::commands;

/// CLI11's own exit codes are a dozen; ours are the contract's.
int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  return app.exit(error) == 0 ? commands::success : commands::usage;
}

CLI::App* add_serve(CLI::App& app, bool& demo, bool& take_over) {
  CLI::App* serve = app.add_subcommand("serve", "Run the proxy until SIGTERM");
  serve->add_flag("--demo", demo,
                  "Against a built-in simulator: no credentials needed, nothing written to the cache file");
  serve->add_flag("--take-over", take_over,
                  "Takes the listening sockets of the running daemon, which ends once this one serves; needs "
                  "listen.handover_socket. Where none runs, a start like any other");
  return serve;
}

CLI::App* add_log_level(CLI::App& app, std::string& level) {
  CLI::App* command = app.add_subcommand(
      "log-level", "Change how much the running daemon logs, until its settings are read again");
  command->add_option("level", level, "trace, debug, info, warn or error")
      ->required()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("A local caching reverse proxy for the Rokt Reporting API.", "roktcached");
  app.require_subcommand(1);
  std::optional<std::string> config_file;
  const auto add_config = [&](CLI::App* command) {
    command->add_option(
        "--config", config_file,
        "Configuration file; else $ROKTCACHED_CONFIG, ./roktcached.toml, /etc/roktcached/roktcached.toml");
    return command;
  };

  bool demo = false;
  bool take_over = false;
  CLI::App* serve = add_config(add_serve(app, demo, take_over));
  CLI::App* check =
      add_config(app.add_subcommand("check", "Validate the configuration and print the effective settings"));
  bool no_secrets = false;
  check->add_flag("--no-secrets", no_secrets,
                  "Without credentials, admin token, TLS private key and token key, as in CI; all else is "
                  "checked");
  CLI::App* routes = add_config(app.add_subcommand("routes", "Print the route table"));
  CLI::App* explain =
      add_config(app.add_subcommand("explain", "Print route, key and freshness class of a request"));
  commands::ExplainOptions explain_options;
  explain->add_option("target", explain_options.target, "Path and query of the request")->required();
  explain->add_option("--rokt-version", explain_options.rokt_version, "The request's rokt-version field");
  CLI::App* purge = add_config(app.add_subcommand("purge", "Remove entries from the running daemon's cache"));
  commands::PurgeOptions purge_options;
  commands::add_options(*purge, purge_options);
  CLI::App* reload = add_config(
      app.add_subcommand("reload", "Have the running daemon read its settings again, and say what it finds"));
  std::string level;
  CLI::App* log_level = add_config(add_log_level(app, level));
  CLI::App* hash_secret = app.add_subcommand(
      "hash-secret", "Hash a client's secret, a line of standard input, for the configuration");
  bool generate = false;
  hash_secret->add_flag("--generate", generate, "Make a secret of 256 random bits, and print it, too");
  CLI::App* simulate =
      app.add_subcommand("simulate", "Run a simulator of the Rokt Reporting API until SIGTERM");
  commands::SimulateArguments simulate_arguments;
  commands::add_options(*simulate, simulate_arguments);
  CLI::App* version = app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
    if (*version) return commands::print_version();
    if (*simulate) return commands::simulate(commands::simulator_options(simulate_arguments));
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
  if (*serve) return commands::serve(config_file, demo, take_over);
  if (*check) return commands::check(config_file, no_secrets);
  if (*routes) return commands::routes(config_file);
  if (*explain) return commands::explain(config_file, explain_options);
  if (*hash_secret) return commands::hash_secret(generate);
  if (*purge) return commands::purge(config_file, purge_options);
  if (*log_level) return commands::log_level(config_file, level);
  if (*reload) return commands::reload(config_file);
  return commands::usage;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // For each command: several of them read secrets.
  if (const auto hardened = roktcached::harden_process(); !hardened) {
    std::fprintf(stderr, "roktcached: %s\n", hardened.error().context.c_str());
    return commands::failed;
  }
  try {
    roktcached::rokt::TimeZone::load();
    return run(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "roktcached: %s\n", exception.what());
    return commands::failed;
  }
}
