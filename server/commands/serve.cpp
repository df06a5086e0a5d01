#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "config/effective.h"
#include "config/load.h"
#include "core/printable.h"
#include "server/commands/commands.h"
#include "server/daemon.h"
#include "server/log_event.h"
#include "server/log_file.h"
#include "server/logging.h"
#include "server/process.h"
#include "server/settings_check.h"
#include "server/version.h"
#include "storage/slab_memory.h"

namespace roktcached::commands {

namespace {

/// The time from the signal to the end of the process, whatever hangs.
constexpr std::chrono::seconds time_to_end{10};

int exit_code_of(const Error& error) {
  const bool taken = error.code == ErrorCode::unavailable || error.code == ErrorCode::storage_in_use;
  return taken ? unavailable : configuration;
}

/// The settings of a demo but for the simulator's port. Its invented numbers never go into the cache file.
void set_up_demo(config::Settings& settings, const simulator::Options& options) {
  settings.upstream.proxy.reset();
  settings.upstream.url = {false, "127.0.0.1", 0, ""};
  config::Credential credential;
  credential.name = "demo";
  credential.app_id = config::Secret(options.app_id);
  credential.app_secret = config::Secret(options.app_secret);
  credential.budget = settings.upstream.budget;
  settings.credentials = {std::move(credential)};
  settings.cache.file.clear();
  settings.cache.why_no_file.clear();
  settings.fleet = {};
  settings.listen.token_key_file.clear();
}

/// Serves until it is told to stop; the settings are found fit.
int run_daemon(config::Settings settings, Daemon::Load load, const std::vector<std::string>& warnings,
               bool demo, DaemonStart start) {
  if (const auto logging = start_logging(settings.log); !logging)
    return fail(configuration, logging.error().context);
  const std::string upstream_url = config::to_string(settings.upstream.url);
  log_event(spdlog::level::info, "start", "roktcached {} for {}", version, upstream_url)
      .with("version", version)
      .with("upstream", upstream_url)
      .log();
  if (demo) {
    LogEvent(spdlog::level::info, "demo",
             "demo: the upstream is a built-in simulator, the cache is in memory only")
        .log();
  }
  make_ready_for(settings, warnings);
  auto daemon = Daemon::open(std::move(settings), std::move(load), std::move(start));
  if (!daemon) {
    stop_logging();
    return fail(exit_code_of(daemon.error()), daemon.error().context);
  }
  const auto served = (*daemon)->run([] { end_process_after(time_to_end); });
  keep_from_ending_by_signals();
  daemon->reset();
  stop_logging();
  return served ? success : fail(exit_code_of(served.error()), served.error().context);
}

/// The sockets that are there already, and the process that has them.
Result<DaemonStart> find_start(const config::Settings& settings, bool take_over) {
  DaemonStart start;
  const std::string& path = settings.listen.handover_socket;
  if (take_over && path.empty())
    return Error{
        ErrorCode::configuration, false,
        "--take-over: there is no listen.handover_socket; accepted: a path there, from the start of the "
        "process that is to be taken over from"};
  if (take_over) {
    auto predecessor = Predecessor::ask(path);
    if (!predecessor) return predecessor.error();
    start.predecessor = std::move(*predecessor);
  }
  auto sockets = start.predecessor ? Result<net::InheritedSockets>(start.predecessor->take_sockets())
                                   : net::InheritedSockets::from_environment();
  if (!sockets) return sockets.error();
  start.sockets = std::move(*sockets);
  return start;
}

}  // namespace

int serve(const std::optional<std::string>& config_file, bool demo, bool take_over) {
  ignore_harmless_signals();
  give_large_blocks_back();
  storage::keep_responses_in_slabs();
  auto settings = load_settings(config_file);
  if (!settings) return configuration;
  simulator::Options options;
  options.port = 0;
  if (demo) set_up_demo(*settings, options);
  const auto warnings = check_settings(*settings, Secrets::read);
  if (!warnings) return fail(configuration, warnings.error().context);
  auto start = find_start(*settings, take_over);
  if (!start) return fail(exit_code_of(start.error()), start.error().context);
  if (const auto free = check_addresses_are_free(*settings, start->sockets); !free)
    return fail(exit_code_of(free.error()), free.error().context);
  const auto load = [config_file] { return config::load(config_file, config::process_environment()); };
  if (!demo) return run_daemon(std::move(*settings), load, *warnings, demo, std::move(*start));
  const auto upstream = simulator::Simulator::start(options);
  if (!upstream) return fail(unavailable, upstream.error().context);
  settings->upstream.url.port = (*upstream)->port();
  const auto load_demo = [load, options, port = (*upstream)->port()] {
    auto again = load();
    if (!again) return again;
    set_up_demo(*again, options);
    again->upstream.url.port = port;
    return again;
  };
  return run_daemon(std::move(*settings), load_demo, *warnings, demo, std::move(*start));
}

int check(const std::optional<std::string>& config_file, bool no_secrets) {
  auto settings = load_settings(config_file);
  if (!settings) return configuration;
  const auto warnings = check_settings(*settings, no_secrets ? Secrets::skip : Secrets::read);
  if (!warnings) return fail(configuration, warnings.error().context);
  for (const std::string& warning : *warnings) fmt::print(stderr, "roktcached: warning: {}\n", warning);
  // It is asked as a daemon asks it: with a password.
  const auto of_engine =
      no_secrets ? Result<std::vector<std::string>>(std::vector<std::string>()) : check_engine(*settings);
  if (!of_engine) return fail(exit_code_of(of_engine.error()), of_engine.error().context);
  for (const std::string& warning : *of_engine)
    fmt::print(stderr, "roktcached: warning: {}\n", printable(warning));
  if (no_secrets) fmt::print(stderr, "roktcached: warning: secrets were not read (--no-secrets)\n");
  fmt::print("{}", config::effective_toml(*settings));
  return success;
}

}  // namespace roktcached::commands
