#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "core/http/date.h"
#include "core/number.h"
#include "server/admin/explanation.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"
#include "server/commands/json_values.h"
#include "server/commands/text.h"
#include "server/proxy/target_request.h"
#include "server/runtime.h"
#include "server/system_clock.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

void print(std::string_view name, std::string_view value) {
  fmt::print("{:<14} {}\n", std::string(name) + ":", value);
}

std::string in_seconds(std::uint64_t milliseconds) {
  return fmt::format("{} s", static_cast<double>(milliseconds) / 1000);
}

std::string date_at(const json::value& from, std::string_view name) {
  const json::value& time = value_at(from, {name});
  return time.is_int64() ? http::format_date(wall_time_from_unix_ms(time.get_int64())) : "-";
}

/// Prints what follows from the settings alone.
void print_request(const json::value& explained) {
  print("route", text_at(explained, {"route"}));
  const std::string route_class = text_at(explained, {"class"});
  print("class", route_class);
  const json::value& lifetime = value_at(explained, {"if_fetched_now"});
  if (lifetime.is_null())
    return print("stored",
                 route_class == "http" ? "as the upstream's fields allow (RFC 9111)" : "never, by its class");
  print("key", text_at(explained, {"key_text"}));
  print("key hash", text_at(explained, {"key"}));
  if (value_at(explained, {"range_end_unix_ms"}).is_int64())
    print("range ends", date_at(explained, "range_end_unix_ms"));
  if (const std::string why = text_at(lifetime, {"not_stored"}); !why.empty())
    return print("not stored", why + ", its lifetime is zero");
  print("freshness", text_at(lifetime, {"state"}));
  print("fresh for", in_seconds(count_at(lifetime, {"fresh_ms"})));
  print("usable for", in_seconds(count_at(lifetime, {"usable_ms"})) + " if the upstream fails");
}

void print_stored(const json::value& explained) {
  const json::value& stored = value_at(explained, {"stored"});
  if (stored.is_null()) return;
  std::string where =
      fmt::format("{}, status {}", size_text(count_at(stored, {"bytes"})), count_at(stored, {"status"}));
  if (text_at(stored, {"tier"}) == "memory") {
    where += fmt::format(", in memory, found {} times there", count_at(stored, {"finds"}));
  } else {
    where += ", on disk";
  }
  print("stored", where);
  print("fetched", date_at(stored, "fetched_at_unix_ms"));
  const bool fresh = value_at(stored, {"fresh"}) == json::value(true);
  print(fresh ? "fresh until" : "stale since", date_at(stored, "fresh_until_unix_ms"));
  const bool may_stand_in = value_at(explained, {"may_stand_in"}) == json::value(true);
  print("usable until",
        date_at(stored, "usable_until_unix_ms") + (may_stand_in ? ", if the upstream fails" : ""));
  const json::value& restated = value_at(stored, {"restated"});
  if (restated.is_null()) return print("restated", "never, as far as it is stored");
  print("restated", fmt::format("{} times, last {}; then moved", count_at(restated, {"times"}),
                                date_at(restated, "at_unix_ms")));
  print_moved(array_at(restated, {"moved"}));
}

/// The entry in the engine of a fleet; a daemon without a fleet says nothing of it.
void print_fleet(const json::value& explained) {
  const json::value& fleet = value_at(explained, {"fleet"});
  if (!fleet.is_object()) return;
  if (text_at(fleet, {"state"}) == "alone")
    return print("in the fleet", "unknown, the engine cannot be reached");
  const json::value& stored = value_at(fleet, {"stored"});
  const bool fresh = value_at(stored, {"fresh"}) == json::value(true);
  std::string text = "nothing is stored";
  if (stored.is_object())
    text = fmt::format("fetched {}, {} {}", date_at(stored, "fetched_at_unix_ms"),
                       fresh ? "fresh until" : "stale since", date_at(stored, "fresh_until_unix_ms"));
  const std::string under_way = text_at(fleet, {"under_way"});
  if (!under_way.empty())
    text += under_way == "here" ? "; this instance fetches it now" : "; another instance fetches it now";
  print("in the fleet", text);
}

/// Prints who has asked for this report since the daemon's start.
void print_asks(const json::value& explained) {
  const std::uint64_t times = count_at(explained, {"asked"});
  if (times == 0) return print("asked", "by nobody since the start");
  print("asked", fmt::format("{} times since the start, {} from the cache", grouped(times),
                             share_text(count_at(explained, {"from_cache"}), times)));
  for (const json::value& client : array_at(explained, {"asked_by"}))
    print("asked by",
          fmt::format("{} ({}), last {}", text_at(client, {"client"}), grouped(count_at(client, {"asked"})),
                      date_at(client, "last_asked_at_unix_ms")));
}

/// Prints what the running daemon knows besides.
void print_findings(const json::value& explained) {
  const std::string answer = text_at(explained, {"answer"});
  if (answer.empty()) return;
  print("answer now", answer + ": " + text_at(explained, {"why"}));
  print_stored(explained);
  print_fleet(explained);
  for (const json::value& other : array_at(explained, {"other_entries"}))
    print("also stored", text_at(other, {"key_text"}) + ", key hash " + text_at(other, {"key"}));
  print_asks(explained);
  std::string asked;
  for (const json::value& client : array_at(explained, {"route_clients"}))
    asked += fmt::format("{}{} ({})", asked.empty() ? "" : ", ", text_at(client, {"client"}),
                         grouped(count_at(client, {"asked"})));
  if (!asked.empty()) print("route asked by", asked);
}

/// The content of a question to the Query API; empty if the options name none.
Result<std::string> read_body(const ExplainOptions& options) {
  constexpr std::size_t longest = 64 * 1024;
  const std::string& file = options.body_file;
  if (file.empty()) return std::string();
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& from = file == "-" ? std::cin : opened;
  std::string content(std::istreambuf_iterator<char>(from), {});
  if (!from.bad() && (file == "-" || opened.is_open()) && !content.empty() && content.size() <= longest)
    return content;
  return Error{
      ErrorCode::invalid_request, false,
      "--body " + file + ": cannot be read, is empty or is longer than 64 KiB; accepted: a file of JSON"};
}

Result<json::object> explain_offline(const config::Settings& settings, const ExplainOptions& options,
                                     const std::string& content) {
  const Runtime runtime(settings, nullptr, 1);
  const auto request = proxy::read_target_request(runtime, options.target, options.rokt_version,
                                                  {SystemClock().wall_now()}, content);
  if (!request) return request.error();
  return admin::explain_request(runtime, *request, SystemClock().wall_now());
}

std::string path_of(const ExplainOptions& options, const std::string& content) {
  std::string path = "/explain?target=" + query_value(options.target);
  if (!options.rokt_version.empty()) path += "&rokt-version=" + query_value(options.rokt_version);
  if (!content.empty()) path += "&content=" + query_value(content);
  return path;
}

}  // namespace

int explain(const std::optional<std::string>& config_file, const ExplainOptions& options) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  const auto content = read_body(options);
  if (!content) return fail(failed, content.error().context);
  json::value explained;
  std::string why_offline = "not asked (--offline); this is from the settings alone";
  if (!options.offline) {
    const auto answer = get_from_admin(settings->admin, path_of(options, *content));
    if (!answer) why_offline = "none answers; this is from the settings alone";
    auto found = answer ? content_of(*answer) : std::nullopt;
    if (answer && !found) return fail_with(*answer);
    if (found) explained = std::move(*found);
  }
  const bool online = !explained.is_null();
  if (!online) {
    auto offline = explain_offline(*settings, options, *content);
    if (!offline) return fail(failed, offline.error().context);
    explained = std::move(*offline);
  }
  if (options.json) {
    fmt::print("{}\n", json_text(explained));
    return success;
  }
  print_request(explained);
  online ? print_findings(explained) : print("daemon", why_offline);
  return success;
}

}  // namespace roktcached::commands
