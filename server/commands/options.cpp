#include "server/commands/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/number.h"
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

constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();

/// Takes whole numbers from `least` to `greatest`, and says so of anything else.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t greatest) {
  const auto check = [least, greatest](const std::string& text) -> std::string {
    const auto number = parse_number<std::uint64_t>(text);
    if (number && *number >= least && *number <= greatest) return {};
    return "\"" + text + "\": accepted: a whole number, " + std::to_string(least) +
           (greatest == most ? " or more" : " to " + std::to_string(greatest));
  };
  return CLI::Validator(check, "");
}

/// Takes numbers of at least `least`.
CLI::Validator number(double least) {
  const auto check = [least](const std::string& text) -> std::string {
    constexpr double greatest = 1e9;
    const auto value = parse_number<double>(text);
    if (value && *value >= least && *value <= greatest) return {};  // which NaN is not
    return "\"" + text + "\": accepted: a number of " + CLI::detail::to_string(least) + " or more";
  };
  return CLI::Validator(check, "");
}

constexpr std::string_view inclusive = "inclusive";

}  // namespace

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return {};
    std::string accepted;
    for (const std::string& word : words) accepted += (accepted.empty() ? "" : ", ") + word;
    return "\"" + text + "\": accepted: " + accepted;
  };
  return CLI::Validator(check, "");
}

void add_options(CLI::App& command, ExplainOptions& options) {
  command.add_option("target", options.target, "Path and query of the request, or its URL")->required();
  command.add_option("--rokt-version", options.rokt_version, "The request's rokt-version field");
  command.add_option("--body", options.body_file,
                     "File with the JSON content of a request to the Query API; \"-\" is standard input");
  command.add_flag("--offline", options.offline, "Use the settings alone, even if a daemon runs");
  command.add_flag("--json", options.json, "Print the JSON of `GET /explain` of the admin listener");
}

void add_options(CLI::App& command, StatusOptions& options) {
  command.add_flag("--json", options.json, "Print the JSON of `GET /status` of the admin listener");
  command.add_flag("--watch", options.watch, "Print it again and again, until interrupted");
  command.add_option("--interval", options.interval_s, "Seconds between two looks with --watch")
      ->capture_default_str()
      ->check(number(0.1));
}

void add_options(CLI::App& command, ListOptions& options) {
  auto* selection = command.add_option_group("selection", "Which entries to list; all without one of these");
  auto* account = selection->add_option("--account", options.account, "Entries of an account");
  selection->add_option("--route", options.route, "Entries of a route, by its name");
  selection->add_option("--target", options.target, "Entries of a path and query, in every spelling");
  selection->add_option("--key", options.key,
                        "The entry of a key, by the hash that the log and `explain` show");
  selection->require_option(0, 1);
  command.add_option("--campaign", options.campaign, "Only this campaign of the account")->needs(account);
  constexpr std::uint64_t most_listed = 1000;
  command.add_option("--limit", options.limit, "List at most this many, the latest first")
      ->capture_default_str()
      ->check(whole_number(1, most_listed));
  command.add_flag("--json", options.json, "Print the JSON of the admin listener");
}

void add_options(CLI::App& command, WarmOptions& options) {
  command
      .add_option(
          "file", options.file,
          "File with a target on each line, a path with its query or a URL; lines that begin with # are "
          "skipped; \"-\" is standard input")
      ->required();
  command.add_option("--rokt-version", options.rokt_version, "The requests' rokt-version field");
  command
      .add_option(
          "--give-up-after", options.give_up_after_s,
          "Give up after so many seconds without a fetch, while the upstream is busy with other requests")
      ->capture_default_str()
      ->check(whole_number(1, most));
}

void add_options(CLI::App& command, VerifyOptions& options) {
  command.add_option("file", options.file, "A file other than that of the settings, such as a copy");
  command.add_flag("--repair", options.repair, "Remove damaged rows; only while no daemon has the file");
}

void add_options(CLI::App& command, PurgeOptions& options) {
  auto* selection = command.add_option_group("selection", "Which entries to remove");
  selection->add_flag("--all", options.all, "All entries");
  auto* account = selection->add_option("--account", options.account, "All entries of an account");
  selection->add_option("--route", options.route, "All entries of a route, by its name");
  selection->add_option("--target", options.target,
                        "All entries of a path with its query, in every spelling, version and variant");
  selection->add_option("--key", options.key, "One entry, by the hash that `explain` prints");
  selection->require_option(1);
  command.add_option("--campaign", options.campaign, "Only this campaign of the account")->needs(account);
  command.add_flag("--soft", options.soft,
                   "Keep them as stale: they are served while they are refreshed behind");
}

void add_options(CLI::App& command, SimulateArguments& arguments) {
  command.add_option("--listen", arguments.listen, "ADDRESS:PORT on loopback; port 0: a free one")
      ->capture_default_str();
  command.add_option("--app-id", arguments.options.app_id, "The app id that gets tokens")
      ->capture_default_str();
  command.add_option("--app-secret", arguments.options.app_secret, "The secret of that app id")
      ->capture_default_str();
  command.add_option("--rate", arguments.options.rate, "Requests per second before 429; 0: no limit")
      ->capture_default_str()
      ->check(number(0));
  command.add_option("--burst", arguments.options.burst, "Requests above the rate that pass at once")
      ->capture_default_str()
      ->check(number(0));
  command.add_option("--token-lifetime", arguments.token_lifetime_s, "Seconds that a token lives")
      ->capture_default_str()
      ->check(whole_number(1, most));
  command.add_option("--now", arguments.now,
                     "The time at which the clock of the simulated data stands (UTC)");
  command.add_option("--seed", arguments.options.seed, "Another seed makes other numbers")
      ->capture_default_str()
      ->check(whole_number(0, most));
  command
      .add_option("--end-date", arguments.end_date,
                  "The Query API's endDate without a time of day: exclusive or inclusive")
      ->capture_default_str()
      ->check(one_of({"exclusive", std::string(inclusive)}));
  command.add_flag("--entity-tags", arguments.options.entity_tags, "Send ETag, honour If-None-Match");
}

simulator::Options simulator_options(const SimulateArguments& arguments) {
  simulator::Options options = arguments.options;
  options.token_lifetime = std::chrono::seconds{arguments.token_lifetime_s};
  const auto colon = arguments.listen.rfind(':');
  const std::string_view port = std::string_view(arguments.listen)
                                    .substr(colon == std::string::npos ? arguments.listen.size() : colon + 1);
  const auto number = parse_number<decltype(options.port)>(port);
  if (!number) {
    throw CLI::ValidationError("--listen",
                               "\"" + arguments.listen + "\": accepted: ADDRESS:PORT, e.g. 127.0.0.1:9090");
  }
  options.host = arguments.listen.substr(0, colon);
  options.port = *number;
  if (!config::Endpoint{options.host, options.port}.is_loopback()) {
    throw CLI::ValidationError(
        "--listen", "\"" + arguments.listen + "\": accepted: an address on loopback, e.g. 127.0.0.1:9090");
  }
  if (arguments.end_date == inclusive) options.end_date = simulator::EndDate::inclusive;
  if (!arguments.now.empty()) options.now = parse_now(arguments.now);
  return options;
}

}  // namespace roktcached::commands
