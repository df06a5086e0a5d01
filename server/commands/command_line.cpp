#include "server/commands/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/commands.h"
#include "server/commands/help.h"
#include "server/commands/options.h"
#include "server/commands/usage.h"
#include "server/version.h"

namespace roktcached::commands {

namespace {

const ExitMeaning no_daemon = {unavailable, "no daemon answers"};

class CommandLine {
 public:
  CommandLine();
  int run(int argc, char** argv);

 private:
  struct Command {
    CLI::App* app;
    std::function<int()> run;
  };

  CLI::App& add(const std::string& name, const std::string& summary, const Help& help,
                std::function<int()> run);
  void add_daemon();
  void add_reading();
  void add_changing();
  void add_tools();

  CLI::App app_{"A local caching reverse proxy for the Rokt Reporting API.", "roktcached"};
  std::vector<Command> commands_;
  std::optional<std::string> config_file_;
  bool demo_ = false;
  bool take_over_ = false;
  bool no_secrets_ = false;
  bool generate_ = false;
  ExplainOptions explain_;
  StatusOptions status_;
  ListOptions list_;
  WarmOptions warm_;
  VerifyOptions verify_;
  PurgeOptions purge_;
  std::string level_;
  SimulateArguments simulate_;
};

CommandLine::CommandLine() {
  app_.require_subcommand(1);
  app_.set_version_flag("--version", fmt::format("roktcached {}", version), "Print the version and exit");
  add_daemon();
  add_reading();
  add_changing();
  add_tools();
  app_.footer(help_text(
      {.examples = {"roktcached serve --demo", "roktcached check --config roktcached.toml",
                    "roktcached status --watch", "roktcached COMMAND --help"},
       .exits = {{failed, "failed"},
                 {unavailable, "something outside is not available: an address, or a running daemon"}},
       .reads_secrets = true}));
}

CLI::App& CommandLine::add(const std::string& name, const std::string& summary, const Help& help,
                           std::function<int()> run) {
  CLI::App* const command = app_.add_subcommand(name, summary);
  if (help.reads_settings) {
    command->add_option(
        "--config", config_file_,
        "Configuration file; else $ROKTCACHED_CONFIG, ./roktcached.toml, /etc/roktcached/roktcached.toml");
  }
  command->footer(help_text(help));
  commands_.push_back({command, std::move(run)});
  return *command;
}

void CommandLine::add_daemon() {
  CLI::App& serve = add("serve", "Run the proxy until SIGTERM",
                        {.examples = {"roktcached serve", "roktcached serve --demo",
                                      "roktcached serve --config /etc/roktcached/roktcached.toml"},
                         .exits = {{failed, "a disk or the log's reader hung at the end"},
                                   {unavailable, "an address or the cache file is taken"}},
                         .reads_secrets = true},
                        [this] { return commands::serve(config_file_, demo_, take_over_); });
  serve.add_flag("--demo", demo_,
                 "Serve a built-in simulator: needs no credential, and writes nothing to the cache file");
  serve.add_flag(
      "--take-over", take_over_,
      "Take over the listening sockets of the running daemon, which ends once this one serves; needs "
      "listen.handover_socket. If no daemon runs, start as usual");
  CLI::App& check = add("check", "Validate the configuration and print the effective settings",
                        {.examples = {"roktcached check", "roktcached check --no-secrets --config new.toml"},
                         .exits = {{unavailable, "the engine of the fleet cannot be reached"}},
                         .reads_secrets = true},
                        [this] { return commands::check(config_file_, no_secrets_); });
  check.add_flag(
      "--no-secrets", no_secrets_,
      "Do not read credentials, admin token, TLS private key and token key, and do not ask the engine of a "
      "fleet, as in CI; everything else is checked");
}

void CommandLine::add_reading() {
  add("routes", "Print the route table", {.examples = {"roktcached routes"}, .exits = {}},
      [this] { return commands::routes(config_file_); });
  add_options(
      add("explain", "Print route, key and freshness of a request, and what a running daemon has of it",
          {.examples = {"roktcached explain '/metadata/accounts/12/campaigns/3'",
                        "roktcached explain --offline '/metadata/accounts/12/campaigns/3'",
                        "roktcached explain --body question.json /v1/query/accounts/12/transactions"},
           .exits = {{failed, "such a request would be refused"}}},
          [this] { return commands::explain(config_file_, explain_); }),
      explain_);
  add_options(add("status", "Print the state of the running daemon at a glance",
                  {.examples = {"roktcached status", "roktcached status --watch",
                                "roktcached status --json | jq .upstream"},
                   .exits = {{failed, "the daemon answers with an error"}, no_daemon}},
                  [this] { return commands::status(config_file_, status_); }),
              status_);
  CLI::App& entries =
      add("entries", "List what the running daemon has in its cache",
          {.examples = {"roktcached entries --limit 20", "roktcached entries --account 12 --campaign 3",
                        "roktcached entries --hottest --limit 10",
                        "roktcached entries --key 0123456789abcdef0123456789abcdef --json"},
           .exits = {{failed, "the daemon answers with an error"}, no_daemon}},
          [this] { return commands::entries(config_file_, list_); });
  add_options(entries, list_);
  entries.add_flag("--hottest", list_.hottest,
                   "List those that were asked for most since the daemon's start");
  add_options(add("restatements", "List reports that changed after they had been given out, and what moved",
                  {.examples = {"roktcached restatements", "roktcached restatements --account 12 --json"},
                   .exits = {{failed, "the daemon answers with an error"}, no_daemon}},
                  [this] { return commands::restatements(config_file_, list_); }),
              list_);
}

void CommandLine::add_changing() {
  add_options(
      add("purge", "Remove entries from the running daemon's cache",
          {.examples = {"roktcached purge --account 12 --campaign 3",
                        "roktcached purge --route account-summary --soft", "roktcached purge --all"},
           .exits = {{failed,
                      "it could not reach all entries or all instances of a fleet, or it is not allowed"},
                     no_daemon}},
          [this] { return commands::purge(config_file_, purge_); }),
      purge_);
  add_options(add("warm", "Have the running daemon fetch reports before anybody asks for them",
                  {.examples = {"roktcached warm reports.txt", "roktcached warm - < reports.txt"},
                   .exits = {{failed, "some reports could not be fetched, or it was interrupted"},
                             {unavailable, "no daemon answers, or the upstream has nothing to spare"}}},
                  [this] { return commands::warm(config_file_, warm_); }),
              warm_);
  add("reload", "Have the running daemon read its settings again, and say what it finds",
      {.examples = {"roktcached reload"}, .exits = {{failed, "it is not allowed"}, no_daemon}},
      [this] { return commands::reload(config_file_); });
  CLI::App& log_level =
      add("log-level", "Change how much the running daemon logs, until its settings are read again",
          {.examples = {"roktcached log-level debug", "roktcached log-level info"},
           .exits = {{failed, "it is not allowed"}, no_daemon}},
          [this] { return commands::log_level(config_file_, level_); });
  log_level.add_option("level", level_, "trace, debug, info, warn or error")
      ->required()
      ->check(one_of({"trace", "debug", "info", "warn", "error"}));
}

void CommandLine::add_tools() {
  add_options(add("verify", "Read the whole cache file, and say what is damaged",
                  {.examples = {"roktcached verify", "roktcached verify --repair",
                                "roktcached verify backup/roktcached.db"},
                   .exits = {{failed, "something is damaged, and was not repaired"},
                             {unavailable, "there is no file, or with --repair a daemon has it"}}},
                  [this] { return commands::verify(config_file_, verify_); }),
              verify_);
  add("hash-secret", "Hash a client's secret, a line of standard input, for the configuration",
      {.examples = {"roktcached hash-secret", "roktcached hash-secret --generate"},
       .exits = {{failed, "there is no secret to hash"}},
       .reads_settings = false},
      [this] { return commands::hash_secret(generate_); })
      .add_flag("--generate", generate_, "Make a secret of 256 random bits, and print it, too");
  add_options(add("simulate", "Run a simulator of the Rokt Reporting API until SIGTERM",
                  {.examples = {"roktcached simulate", "roktcached simulate --listen 127.0.0.1:0 --rate 5"},
                   .exits = {{unavailable, "the address is taken"}},
                   .reads_settings = false},
                  [this] { return commands::simulate(simulator_options(simulate_)); }),
              simulate_);
  add("version", "Print the version",
      {.examples = {"roktcached version"}, .exits = {}, .reads_settings = false}, print_version);
}

int CommandLine::run(int argc, char** argv) {
  if (const std::string mistake = command_mistake(app_, argc, argv); !mistake.empty())
    return fail(usage, mistake);
  try {
    app_.parse(argc, argv);
    for (const Command& command : commands_) {
      if (*command.app) return command.run();
    }
  } catch (const CLI::ParseError& error) {
    // CLI11's own exit codes are a dozen; ours are the contract's. It prints help and version itself.
    if (error.get_exit_code() == 0) return app_.exit(error) == 0 ? success : usage;
    std::fprintf(stderr, "%s\n", usage_mistake(app_, error).c_str());
  }
  return usage;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  return CommandLine().run(argc, argv);
}

}  // namespace roktcached::commands
