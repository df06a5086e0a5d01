#include "server/commands/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace roktcached::commands {

std::string help_text(const Help& help) {
  std::string text = "Examples:\n";
  for (const std::string& example : help.examples) text += fmt::format("    {}\n", example);
  std::vector<ExitMeaning> exits = help.exits;
  exits.push_back({success, "done"});
  exits.push_back({usage, "the command line is wrong"});
  if (help.reads_settings)
    exits.push_back({configuration, "the configuration is wrong; the message names file, line and key"});
  std::ranges::stable_sort(exits, {}, &ExitMeaning::code);
  text += "\nExit codes:\n";
  for (const ExitMeaning& exit : exits)
    text += fmt::format("    {:<4}{}\n", static_cast<int>(exit.code), exit.meaning);
  if (!help.reads_settings) return text;
  text += "\nEnvironment:\n";
  text += "    ROKTCACHED_CONFIG       configuration file, if there is no --config\n";
  text += "    ROKTCACHED_SECTION_KEY  overrides a setting, e.g. ROKTCACHED_ADMIN_ADDRESS\n";
  if (help.reads_secrets) text += "    ROKT_APP_ID, ROKT_APP_SECRET  the first credential\n";
  return text;
}

}  // namespace roktcached::commands
