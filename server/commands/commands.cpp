#include "server/commands/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "config/credentials.h"
#include "config/load.h"
#include "core/printable.h"
#include "server/version.h"

namespace roktcached::commands {

int fail(int code, std::string_view why) {
  fmt::print(stderr, "roktcached: {}\n", printable_lines(why));
  return code;
}

std::optional<config::Settings> load_settings(const std::optional<std::string>& config_file) {
  auto settings = config::load(config_file, config::process_environment());
  if (settings) return std::move(*settings);
  fail(configuration, settings.error().context);
  return std::nullopt;
}

bool load_admin_token(config::Settings& settings) {
  const auto loaded = config::load_admin_token(settings.admin);
  if (!loaded) fail(configuration, loaded.error().context);
  return loaded.has_value();
}

int print_version() {
  fmt::print("roktcached {}\n", version);
  return success;
}

}  // namespace roktcached::commands
