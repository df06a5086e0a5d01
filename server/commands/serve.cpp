#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <utility>

#include "config/credentials.h"
#include "config/effective.h"
#include "config/load.h"
#include "server/commands/commands.h"
#include "server/commands/settings_file.h"
#include "server/daemon.h"
#include "server/log_file.h"
#include "server/logging.h"
#include "server/process.h"
#include "server/version.h"

namespace roktcached::commands {

namespace {

void say(const Error& error) {
  fmt::print(stderr, "roktcached: {}\n", error.context);
}

int exit_code_of(const Error& error) {
  const bool taken = error.code == ErrorCode::unavailable || error.code == ErrorCode::storage_in_use;
  return taken ? unavailable : configuration;
}

/// Points the settings at a simulator of our own. Its invented numbers never go into the cache file.
void use_simulator(config::Settings& settings, const simulator::Simulator& simulator,
                   const simulator::Options& options) {
  settings.upstream.url = {false, "127.0.0.1", simulator.port(), ""};
  settings.upstream.proxy.reset();
  config::Credential credential;
  credential.name = "demo";
  credential.app_id = config::Secret(options.app_id);
  credential.app_secret = config::Secret(options.app_secret);
  credential.budget = settings.upstream.budget;
  settings.credentials = {std::move(credential)};
  settings.cache.file.clear();
  settings.listen.token_key_file.clear();
}

}  // namespace

std::optional<config::Settings> load_settings(const std::optional<std::string>& config_file) {
  auto settings = config::load(config_file, config::process_environment());
  if (settings) return std::move(*settings);
  say(settings.error());
  return std::nullopt;
}

bool load_credentials(config::Settings& settings) {
  bool all = true;
  for (config::Credential& credential : settings.credentials) {
    const auto loaded = config::load_credential(credential, config::process_environment());
    if (!loaded) say(loaded.error());
    all = all && loaded.has_value();
  }
  return all;
}

bool load_admin_token(config::Settings& settings) {
  const auto loaded = config::load_admin_token(settings.admin);
  if (!loaded) say(loaded.error());
  return loaded.has_value();
}

int serve(const std::optional<std::string>& config_file, bool demo) {
  ignore_harmless_signals();
  auto settings = load_settings(config_file);
  if (!settings || !load_admin_token(*settings)) return configuration;
  std::unique_ptr<simulator::Simulator> upstream;
  if (demo) {
    simulator::Options options;
    options.port = 0;
    auto started = simulator::Simulator::start(options);
    if (!started) {
      say(started.error());
      return unavailable;
    }
    upstream = std::move(*started);
    use_simulator(*settings, *upstream, options);
  } else if (!load_credentials(*settings)) {
    return configuration;
  }

  if (const auto logging = start_logging(settings->log); !logging) {
    say(logging.error());
    return configuration;
  }
  spdlog::info("roktcached {} for {}", version, config::to_string(settings->upstream.url));
  if (demo) spdlog::info("demo: the upstream is a built-in simulator, the cache is in memory only");
  const std::uint64_t descriptors =
      descriptors_for(settings->listen.max_connections, settings->upstream.max_connections);
  if (const auto warning = raise_descriptor_limit(descriptors)) spdlog::warn("{}", *warning);
  auto daemon = Daemon::open(std::move(*settings));
  if (!daemon) {
    stop_logging();
    say(daemon.error());
    return exit_code_of(daemon.error());
  }
  (*daemon)->run();
  daemon->reset();
  stop_logging();
  return success;
}

int check(const std::optional<std::string>& config_file) {
  auto settings = load_settings(config_file);
  if (!settings || !load_credentials(*settings) || !load_admin_token(*settings)) return configuration;
  if (const auto writable = check_log_file(settings->log.file); !writable) {
    say(writable.error());
    return configuration;
  }
  fmt::print("{}", config::effective_toml(*settings));
  return success;
}

int print_version() {
  fmt::print("roktcached {}\n", version);
  return success;
}

}  // namespace roktcached::commands
