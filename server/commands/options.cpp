#include "server/commands/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <string>

#include "core/rokt/date_range.h"

namespace roktcached::commands {

namespace {

WallTime parse_now(const std::string& text) {
  std::string_view local = text;
  if (local.ends_with('Z')) local.remove_suffix(1);
  const auto date = rokt::DateParameter::parse(local);
  if (!date)
    throw CLI::ValidationError("--now",
                               "\"" + text + "\": accepted: a time in UTC, e.g. 2026-01-31T12:00:00Z");
  return WallTime(date->earliest.time_since_epoch());
}

}  // namespace

void add_options(CLI::App& command, PurgeOptions& options) {
  auto* selection = command.add_option_group("selection", "The entries to remove; exactly one of");
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

void add_options(CLI::App& command, SimulateArguments& arguments) {
  command.add_option("--listen", arguments.listen, "ADDRESS:PORT on loopback; port 0: a free one")
      ->capture_default_str();
  command.add_option("--app-id", arguments.options.app_id, "Whom it gives tokens to")->capture_default_str();
  command.add_option("--app-secret", arguments.options.app_secret, "The secret that goes with it")
      ->capture_default_str();
  command.add_option("--rate", arguments.options.rate, "Requests per second before 429; 0: no limit")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--burst", arguments.options.burst, "Requests above the rate that pass at once")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--token-lifetime", arguments.token_lifetime_s, "Seconds that a token lives")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--now", arguments.now, "The simulated data's clock stands at this time (UTC)");
  command.add_option("--seed", arguments.options.seed, "Another seed is another world")
      ->capture_default_str();
  const std::map<std::string, simulator::EndDate> end_dates = {{"exclusive", simulator::EndDate::exclusive},
                                                               {"inclusive", simulator::EndDate::inclusive}};
  command
      .add_option("--end-date", arguments.options.end_date,
                  "The Query API's endDate without a time of day: exclusive or inclusive")
      ->transform(CLI::CheckedTransformer(end_dates).description("exclusive|inclusive"))
      ->default_str("exclusive");
  command.add_flag("--entity-tags", arguments.options.entity_tags, "Send ETag, honour If-None-Match");
}

simulator::Options simulator_options(const SimulateArguments& arguments) {
  simulator::Options options = arguments.options;
  options.token_lifetime = std::chrono::seconds{arguments.token_lifetime_s};
  const auto colon = arguments.listen.rfind(':');
  const std::string_view port = std::string_view(arguments.listen)
                                    .substr(colon == std::string::npos ? arguments.listen.size() : colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    throw CLI::ValidationError("--listen",
                               "\"" + arguments.listen + "\": accepted: ADDRESS:PORT, e.g. 127.0.0.1:9090");
  }
  options.host = arguments.listen.substr(0, colon);
  if (!arguments.now.empty()) options.now = parse_now(arguments.now);
  return options;
}

}  // namespace roktcached::commands
