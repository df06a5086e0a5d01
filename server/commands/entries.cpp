#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cstdio>

#include "core/number.h"
#include "core/printable.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"
#include "server/commands/json_values.h"
#include "server/commands/text.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

std::string query_of(const ListOptions& options) {
  std::string query = "?limit=" + std::to_string(options.limit);
  if (options.hottest) query += "&hottest";
  for (const auto& [name, value] : options.named()) {
    if (*value) query += fmt::format("&{}={}", name, query_value(**value));
  }
  return query;
}

std::string time_at(const json::value& from, std::string_view name) {
  const json::value& time = value_at(from, {name});
  return time.is_int64() ? utc_text(wall_time_from_unix_ms(time.get_int64())) : "-";
}

void print_entries(const json::array& entries) {
  fmt::print("{:<19}  {:<9}  {:<19}  {:>9}  {}\n", "FETCHED (UTC)", "STATE", "FRESH UNTIL", "SIZE", "TARGET");
  for (const json::value& entry : entries) {
    const std::string state = text_at(entry, {"state"});
    const std::uint64_t status = count_at(entry, {"status"});
    const std::string shown = status != 200 ? std::to_string(status) : state.empty() ? "-" : state;
    const bool fresh = value_at(entry, {"fresh"}) == json::value(true);
    fmt::print("{:<19}  {:<9}  {:<19}  {:>9}  {}\n", time_at(entry, "fetched_at_unix_ms"), shown,
               fresh ? time_at(entry, "fresh_until_unix_ms") : "stale", size_text(count_at(entry, {"bytes"})),
               text_at(entry, {"target"}));
  }
}

void print_hottest(const json::array& entries) {
  fmt::print("{:>9}  {:>10}  {:<24}  {}\n", "ASKED", "FROM CACHE", "LAST BY", "TARGET");
  for (const json::value& entry : entries) {
    const std::uint64_t asked = count_at(entry, {"asked"});
    const json::array& clients = array_at(entry, {"asked_by"});
    fmt::print(
        "{:>9}  {:>10}  {:<24}  {}\n", grouped(asked), share_text(count_at(entry, {"from_cache"}), asked),
        fitted(clients.empty() ? "-" : text_at(clients.front(), {"client"}), 24), text_at(entry, {"target"}));
  }
}

void print_restatements(const json::array& restatements) {
  for (const json::value& restated : restatements) {
    const std::uint64_t times = count_at(restated, {"times"});
    fmt::print("{}  {}  {}\n", time_at(restated, "at_unix_ms"),
               times == 1 ? std::string("once") : fmt::format("{} times, the last:", times),
               text_at(restated, {"target"}));
    print_moved(array_at(restated, {"moved"}));
  }
}

/// @param name  of the path, and of the answer's array
int list(const std::optional<std::string>& config_file, const ListOptions& options, const std::string& name,
         void (*print)(const json::array&)) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  if (const std::string mistake = route_mistake(*settings, options.route); !mistake.empty())
    return fail(failed, mistake);
  const auto answer = get_from_admin(settings->admin, "/" + name + query_of(options));
  if (!answer) return fail(unavailable, answer.error().context);
  const auto content = content_of(*answer);
  if (!content) return fail_with(*answer);
  if (options.json) {
    fmt::print("{}", printable_json(answer->body));
    return success;
  }
  const json::array& found = array_at(*content, {name});
  if (found.empty()) {
    fmt::print(stderr, "roktcached: no {}\n", name);
    return success;
  }
  print(found);
  if (found.size() == options.limit)
    fmt::print(stderr, "roktcached: there may be more; --limit {} ends here\n", options.limit);
  return success;
}

}  // namespace

int entries(const std::optional<std::string>& config_file, const ListOptions& options) {
  return list(config_file, options, "entries", options.hottest ? print_hottest : print_entries);
}

int restatements(const std::optional<std::string>& config_file, const ListOptions& options) {
  return list(config_file, options, "restatements", print_restatements);
}

}  // namespace roktcached::commands
