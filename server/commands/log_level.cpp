#include <fmt/format.h>

#include "server/commands/admin_client.h"
#include "server/commands/commands.h"

namespace roktcached::commands {

int log_level(const std::optional<std::string>& config_file, const std::string& level) {
  auto settings = load_settings(config_file);
  if (!settings || !load_admin_token(*settings)) return configuration;
  const auto answer = post_to_admin(settings->admin, "/log-level", fmt::format(R"({{"level":"{}"}})", level));
  if (!answer) return fail(unavailable, answer.error().context);
  if (answer->status != 200) return fail_with(*answer);
  fmt::print("log level: {}, until the settings are read again (log.level = \"{}\")\n",
             member_of(*answer, "level"), member_of(*answer, "configured"));
  return success;
}

}  // namespace roktcached::commands
