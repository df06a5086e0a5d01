#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/mistakes.h"
#include "core/rokt/routes.h"
#include "core/rokt/sent_text.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"

namespace roktcached::commands {

std::string route_mistake(const config::Settings& settings, const std::optional<std::string>& name) {
  if (!name) return {};
  std::vector<std::string> names;
  for (const rokt::Route& route : rokt::all_routes(settings.routes)) names.push_back(route.name);
  if (std::ranges::find(names, *name) != names.end()) return {};
  return "--route " + rokt::shown(*name) + ": no such route" + config::suggestion(*name, names) +
         "; accepted: those that `roktcached routes` prints";
}

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
