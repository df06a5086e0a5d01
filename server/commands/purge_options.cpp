#include "server/commands/purge_options.h"

#include <CLI/CLI.hpp>

namespace roktcached::commands {

void add_options(CLI::App& command, PurgeOptions& options) {
  auto* selection = command.add_option_group("selection", "What to remove; exactly one of");
  selection->add_flag("--all", options.all, "Everything");
  auto* account = selection->add_option("--account", options.account, "All entries of an account");
  selection->add_option("--route", options.route, "All entries of a route, by its name");
  selection->add_option("--target", options.target,
                        "A path with its query, whoever asked for it and in whatever version or language");
  selection->add_option("--key", options.key, "One entry, by the hash that `explain` prints");
  selection->require_option(1);
  command.add_option("--campaign", options.campaign, "Of the account only this campaign")->needs(account);
  command.add_flag("--soft", options.soft, "Keep them, but as stale: served while they are refreshed behind");
}

}  // namespace roktcached::commands
