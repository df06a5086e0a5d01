#include <fmt/format.h>

#include <cstdio>

#include "core/rokt/routes.h"
#include "server/commands/commands.h"

namespace roktcached::commands {

int routes(const std::optional<std::string>& config_file) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  for (const rokt::Route& route : rokt::all_routes(settings->routes)) {
    const std::string groupby =
        route.groupby.empty() ? "" : fmt::format("  groupby={}", fmt::join(route.groupby, "|"));
    fmt::print("{:<32} {:<9} {:<6} {}{}\n", route.name, rokt::to_string(route.route_class),
               fmt::join(route.methods, ","), route.pattern, groupby);
  }
  return success;
}

}  // namespace roktcached::commands
