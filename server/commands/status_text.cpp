#include "server/commands/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <string_view>
#include <vector>

#include "core/number.h"
#include "core/printable.h"
#include "server/commands/json_values.h"
#include "server/commands/text.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

/// How many clients and reports are shown; the rest is in `status --json`.
constexpr std::size_t top_max = 5;
constexpr std::size_t name_width = 34;

/// The outcomes of requests that were answered with what the upstream says, now or earlier.
constexpr std::array<std::string_view, 9> answered = {"hit",         "refreshing_hit", "miss",
                                                      "revalidated", "collapsed",      "stale_if_error",
                                                      "not_json",    "too_large",      "passed"};
constexpr std::array<std::string_view, 3> from_cache = {"hit", "refreshing_hit", "stale_if_error"};

template <class Names>
std::uint64_t sum_of(const json::value& requests, const Names& names) {
  std::uint64_t sum = 0;
  for (const std::string_view name : names) sum += count_at(requests, {name});
  return sum;
}

class Lines {
 public:
  /// Adds a line under a name. The name is left out if the line before has the same one.
  void add(std::string_view name, const std::string& text) {
    const bool again = name == last_;
    last_ = name;
    add(fmt::format("{:<10} {}", again ? "" : name, text));
  }
  void add(const std::string& line) { text_ += printable(fitted(line)) + "\n"; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string_view last_;
};

/// The troubles that /readyz has, and those that keep requests from the upstream.
std::vector<std::string> troubles_of(const json::value& status) {
  std::vector<std::string> troubles;
  for (const json::value& credential : array_at(status, {"upstream", "credentials"})) {
    if (text_at(credential, {"token", "state"}) != "dead") continue;
    const std::string why = text_at(credential, {"token", "last_error"});
    troubles.push_back(fmt::format("credential {} has no token{}{}", text_at(credential, {"name"}),
                                   why.empty() ? "" : ": ", why));
  }
  if (text_at(status, {"upstream", "circuit"}) == "open")
    troubles.emplace_back("the upstream fails again and again; it is asked once a second");
  for (const json::value& route : array_at(status, {"upstream", "open_routes"})) {
    if (route.is_string())
      troubles.push_back(fmt::format("the upstream fails on route {}", route.get_string().c_str()));
  }
  if (text_at(status, {"fleet", "state"}) == "alone") {
    const std::string why = text_at(status, {"fleet", "trouble"});
    troubles.push_back("alone, without the fleet" + (why.empty() ? why : ": " + why));
  }
  if (const json::object* const tiers = value_at(status, {"cache"}).if_object()) {
    for (const auto& [name, tier] : *tiers) {
      if (const std::string trouble = text_at(tier, {"trouble"}); !trouble.empty())
        troubles.push_back(fmt::format("cache, {}: {}", std::string_view(name), trouble));
    }
  }
  return troubles;
}

void add_credentials(Lines& lines, const json::value& status, WallTime now) {
  const json::array& credentials = array_at(status, {"upstream", "credentials"});
  for (const json::value& credential : credentials) {
    std::string text = text_at(credential, {"name"}) + ": " + text_at(credential, {"token", "state"});
    const json::value& expires = value_at(credential, {"token", "expires_at_unix_ms"});
    if (expires.is_int64())
      text += ", expires in " + duration_text(wall_time_from_unix_ms(expires.get_int64()) - now);
    lines.add("token", text);
  }
  for (const json::value& credential : credentials) {
    const json::value& budget = value_at(credential, {"budget"});
    const double ceiling = number_at(budget, {"ceiling"});
    std::string text = text_at(credential, {"name"}) + ": ";
    text += ceiling <= 0 ? "no limit"
                         : fmt::format("{:.3g} of {:.3g} calls a second, {:.0f} at once",
                                       number_at(budget, {"requests_per_second"}), ceiling,
                                       std::max(number_at(budget, {"available"}), 0.0));
    text += fmt::format(", {} under way, {} wait", grouped(count_at(budget, {"in_flight"})),
                        grouped(count_at(budget, {"queued"})));
    if (value_at(budget, {"paused"}) == json::value(true)) text += ", paused by the upstream";
    lines.add("budget", text);
  }
}

void add_cache(Lines& lines, const json::value& status) {
  const json::object* const tiers = value_at(status, {"cache"}).if_object();
  if (tiers == nullptr) return;
  for (const auto& [name, tier] : *tiers) {
    lines.add("cache", fmt::format("{}: {} entries, {} of {}", std::string_view(name),
                                   grouped(count_at(tier, {"entries"})), size_text(count_at(tier, {"bytes"})),
                                   size_text(count_at(tier, {"bytes_max"}))));
  }
}

void add_answers(Lines& lines, const json::value& status) {
  const json::value& requests = value_at(status, {"requests"});
  const std::uint64_t answers = sum_of(requests, answered);
  lines.add("answers", fmt::format("{} answers for {} upstream calls; {} from the cache", grouped(answers),
                                   grouped(count_at(status, {"upstream_requests"})),
                                   share_text(sum_of(requests, from_cache), answers)));
  std::string outcomes;
  if (const json::object* const all = requests.if_object()) {
    for (const auto& [name, value] : *all) {
      const std::uint64_t count = count_at(value, {});
      if (count > 0)
        outcomes +=
            fmt::format("{}{} {}", outcomes.empty() ? "" : ", ", grouped(count), std::string_view(name));
    }
  }
  if (!outcomes.empty()) lines.add("answers", outcomes);
  const std::uint64_t restated = count_at(status, {"restatements"});
  lines.add("restated", restated == 0 ? std::string("no number that was given out has changed")
                                      : grouped(restated) + " since the start, see: roktcached restatements");
}

/// A daemon of an earlier version has no such thing.
void add_warming(Lines& lines, const json::value& status) {
  const json::value& warming = value_at(status, {"warming"});
  if (!warming.is_object()) return;
  const std::uint64_t warmed = count_at(warming, {"warmed"});
  std::string text =
      warmed == 0 ? "nothing yet"
                  : fmt::format("{} before anybody asked; {} used, {} never used", grouped(warmed),
                                grouped(count_at(warming, {"used"})), grouped(count_at(warming, {"unused"})));
  if (const std::uint64_t failed = count_at(warming, {"failed"}); failed > 0)
    text += fmt::format(", {} failed", grouped(failed));
  lines.add("warmed", text);
  lines.add("warmed", fmt::format("{} templates learned, {} named", grouped(count_at(warming, {"learned"})),
                                  grouped(count_at(warming, {"named"}))));
}

/// A daemon without a fleet has no such thing.
void add_fleet(Lines& lines, const json::value& status) {
  const json::value& fleet = value_at(status, {"fleet"});
  if (!fleet.is_object()) return;
  const std::uint64_t taken = count_at(fleet, {"fetches", "taken"}) + count_at(fleet, {"fetches", "waited"});
  lines.add("fleet", fmt::format("{}, {} of {} members, {} answers from others, engine {:.1f} ms",
                                 text_at(fleet, {"state"}), grouped(count_at(fleet, {"members"})),
                                 grouped(count_at(fleet, {"members_known"})), grouped(taken),
                                 number_at(fleet, {"link", "typical_ms"})));
}

/// The requests of one client, or of all clients on one route.
struct Asked {
  std::string name;
  std::uint64_t asked = 0;
  std::uint64_t from_cache = 0;
  std::uint64_t upstream = 0;

  void add(const json::value& row) {
    asked += count_at(row, {"asked"});
    from_cache += count_at(row, {"from_cache"});
    upstream += count_at(row, {"upstream"});
  }
};

void add_table(Lines& lines, std::string_view title, std::vector<Asked> rows) {
  std::ranges::stable_sort(rows, std::greater(), &Asked::asked);
  rows.resize(std::min(rows.size(), top_max));
  if (rows.empty()) return;
  lines.add("");
  lines.add(fmt::format("{:<{}} {:>12} {:>14} {:>14}", title, name_width, "ASKED", "FROM CACHE", "UPSTREAM"));
  for (const Asked& row : rows)
    lines.add(fmt::format("{:<{}} {:>12} {:>14} {:>14}", fitted(row.name, name_width), name_width,
                          grouped(row.asked), share_text(row.from_cache, row.asked), grouped(row.upstream)));
}

void add_tops(Lines& lines, const json::value& status) {
  std::vector<Asked> clients;
  std::map<std::string, Asked> by_route;
  for (const json::value& client : array_at(status, {"clients"})) {
    clients.push_back({.name = text_at(client, {"client"})});
    clients.back().add(client);
    const json::object* const routes = value_at(client, {"routes"}).if_object();
    if (routes == nullptr) continue;
    for (const auto& [route, row] : *routes) {
      if (route != "-") by_route[std::string(std::string_view(route))].add(row);  // requests on no route
    }
  }
  std::vector<Asked> reports;
  for (auto& [name, row] : by_route) {
    row.name = name;
    reports.push_back(row);
  }
  add_table(lines, "CLIENT", std::move(clients));
  add_table(lines, "REPORT", std::move(reports));
}

}  // namespace

std::string status_text(const json::value& status, WallTime now) {
  Lines lines;
  const std::chrono::seconds uptime{count_at(status, {"uptime_s"})};
  lines.add(fmt::format("roktcached {}, up {}, {} connections", text_at(status, {"version"}),
                        duration_text(uptime), grouped(count_at(status, {"connections"}))));
  const std::vector<std::string> troubles = troubles_of(status);
  lines.add("state", troubles.empty() ? "ready" : "degraded: " + troubles.front());
  for (std::size_t i = 1; i < troubles.size(); ++i) lines.add("state", troubles[i]);
  add_credentials(lines, status, now);
  add_cache(lines, status);
  add_answers(lines, status);
  add_warming(lines, status);
  add_fleet(lines, status);
  add_tops(lines, status);
  return lines.take();
}

}  // namespace roktcached::commands
