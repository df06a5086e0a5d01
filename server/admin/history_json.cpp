#include "server/admin/history_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/http/target.h"
#include "core/number.h"
#include "server/admin/or_null.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

/// One number of each sample that is wanted.
template <class NumberOf>
json::array column(const std::deque<HistorySample>& samples, std::optional<WallTime> since,
                   const NumberOf& number_of) {
  json::array numbers;
  for (const HistorySample& sample : samples) {
    if (!since || sample.at > *since) numbers.emplace_back(number_of(sample));
  }
  return numbers;
}

json::object columns(const std::deque<HistorySample>& samples, std::chrono::seconds every,
                     std::optional<WallTime> since) {
  const auto of = [&](const auto& number_of) { return column(samples, since, number_of); };
  json::object requests;
  for (std::size_t i = 0; i < http::outcome_count; ++i) {
    requests[http::to_string(static_cast<http::CacheOutcome>(i))] =
        of([i](const HistorySample& sample) { return sample.requests[i]; });
  }
  json::object object;
  object["every_s"] = every.count();
  object["at_unix_ms"] = of([](const HistorySample& sample) { return unix_ms(sample.at); });
  object["requests"] = std::move(requests);
  object["upstream_requests"] = of([](const HistorySample& sample) { return sample.upstream_requests; });
  object["limited"] = of([](const HistorySample& sample) { return sample.limited; });
  object["requests_per_second"] = of([](const HistorySample& sample) { return sample.requests_per_second; });
  object["available"] = of([](const HistorySample& sample) { return sample.available; });
  object["queued"] = of([](const HistorySample& sample) { return sample.queued; });
  object["in_flight"] = of([](const HistorySample& sample) { return sample.in_flight; });
  object["circuit_open"] = of([](const HistorySample& sample) { return sample.circuit_open; });
  object["token_life_ms"] = of([](const HistorySample& sample) { return or_null(sample.token_life); });
  object["memory_bytes"] = of([](const HistorySample& sample) { return sample.memory_bytes; });
  object["disk_bytes"] = of([](const HistorySample& sample) { return sample.disk_bytes; });
  object["body_bytes"] = of([](const HistorySample& sample) { return sample.body_bytes; });
  object["connections"] = of([](const HistorySample& sample) { return sample.connections; });
  object["restatements"] = of([](const HistorySample& sample) { return sample.restatements; });
  return object;
}

json::array problems_json(const std::vector<counters::Problem>& problems) {
  json::array list;
  for (const counters::Problem& problem : problems) {
    list.push_back(json::object{{"at_unix_ms", unix_ms(problem.at)},
                                {"client", problem.client},
                                {"route", problem.route},
                                {"outcome", http::to_string(problem.outcome)},
                                {"status", problem.status},
                                {"reason", or_null(problem.reason)},
                                {"times", problem.times}});
  }
  return list;
}

}  // namespace

Result<std::optional<WallTime>> parse_since(std::string_view query) {
  std::optional<WallTime> since;
  for (const auto& parameter : http::parse_query(query)) {
    const auto number = parse_number<long long>(parameter.value);
    if (parameter.name != "since" || since || !number || *number < 0) {
      const std::string came = std::string(parameter.name) + " = \"" + std::string(parameter.value) + "\"";
      return Error{ErrorCode::invalid_request, false,
                   came + ": accepted: since, in milliseconds since the Unix epoch, once"};
    }
    since = wall_time_from_unix_ms(*number);
  }
  return since;
}

std::string to_json(const History& history, const std::vector<counters::Problem>& problems,
                    WallTime started_at, std::optional<WallTime> since) {
  json::object object;
  object["started_at_unix_ms"] = unix_ms(started_at);
  object["hour"] = columns(history.of_hour(), History::hour.every, since);
  object["day"] = columns(history.of_day(), History::day.every, since);
  object["problems"] = problems_json(problems);
  return json::serialize(object);
}

}  // namespace roktcached::admin
