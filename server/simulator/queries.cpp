#include "server/simulator/queries.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/number.h"
#include "core/rokt/date_range.h"
#include "core/rokt/time_zone.h"
#include "server/simulator/json_object.h"
#include "server/simulator/local_hours.h"

namespace roktcached::simulator {

namespace json = boost::json;

namespace {

constexpr std::string_view root = "/v1/query/accounts";
constexpr char separator = '\x1f';

struct Metric {
  std::string_view slug;
  std::int64_t Facts::*value;
  bool money;
};

/// One of the two kinds of report that can be asked for.
struct Subject {
  std::string_view name;
  std::vector<std::string_view> dimensions;
  std::vector<Metric> metrics;
};

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = {
      {"campaigns",
       {"campaign", "creative", "audience", "country"},
       {{"gross_cost", &Facts::gross_cost_micro, true},
        {"net_cost", &Facts::net_cost_micro, true},
        {"impressions", &Facts::impressions, false},
        {"referrals", &Facts::referrals, false},
        {"acquisitions_by_conversion_date", &Facts::acquisitions_by_conversion_date, false},
        {"acquisitions_by_referral_date", &Facts::acquisitions_by_referral_date, false}}},
      {"transactions",
       {"age", "gender", "page", "pagetype", "placement", "position", "brand"},
       {{"revenue", &Facts::revenue_micro, true},
        {"transactions", &Facts::transactions, false},
        {"placement_impressions", &Facts::placement_impressions, false},
        {"impressions", &Facts::impressions, false},
        {"referrals", &Facts::referrals, false},
        {"purchases", &Facts::purchases, false},
        {"positive_placement_engagements", &Facts::positive_placement_engagements, false}}}};
  return all;
}

/// A part of a request that cannot be understood, in words.
struct Refused {
  std::string why;
};

std::string_view currency_of(int account) {
  static constexpr std::array<std::string_view, 3> currencies = {"USD", "AUD", "GBP"};
  return currencies.at(static_cast<std::size_t>(account) % currencies.size());
}

std::string_view zone_of(int account) {
  static constexpr std::array<std::string_view, 3> zones = {"America/New_York", "Australia/Sydney",
                                                            "Europe/London"};
  return zones.at(static_cast<std::size_t>(account) % zones.size());
}

std::string account_json(int account, WallTime now) {
  const auto zone = rokt::TimeZone::find(zone_of(account));
  const auto local = zone->to_local(now).time_since_epoch();
  const auto offset = std::chrono::duration_cast<std::chrono::minutes>(local - now.time_since_epoch());
  return Object()
      .text("accountId", std::to_string(account))
      .text("accountName", fmt::format("Account {}", account))
      .text("countryCode", "US")
      .text("accountOwner", "demo")
      .text("accountCurrencyCode", currency_of(account))
      .text("accountTimezone", zone_of(account))
      .number("accountTimezoneOffset", offset.count())
      .str();
}

std::string all_accounts(WallTime now) {
  std::string list;
  for (int account = 1; account <= accounts; ++account)
    list.append(list.empty() ? "" : ",").append(account_json(account, now));
  return "[" + list + "]";
}

std::string help(const Subject& subject) {
  const auto slugs = [](const auto& all, auto slug_of) {
    std::string list;
    for (const auto& one : all)
      list.append(list.empty() ? "" : ",").append(Object().text("slug", slug_of(one)).str());
    return "[" + list + "]";
  };
  return Object()
      .raw("dimensions", slugs(subject.dimensions, [](std::string_view slug) { return slug; }))
      .raw("metrics", slugs(subject.metrics, [](const Metric& metric) { return metric.slug; }))
      .str();
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> values;
  const json::value* const member = object.if_contains(name);
  if (member == nullptr) return values;
  if (!member->is_array()) throw Refused{std::string(name) + " is no array"};
  for (const json::value& value : member->get_array()) {
    if (!value.is_string()) throw Refused{std::string(name) + " holds what is no text"};
    values.emplace_back(value.get_string());
  }
  return values;
}

std::string text(const json::object& object, std::string_view name, std::string_view otherwise) {
  const json::value* const member = object.if_contains(name);
  if (member == nullptr) return std::string(otherwise);
  if (!member->is_string()) throw Refused{std::string(name) + " is no text"};
  return std::string(member->get_string());
}

/// A request's content, understood.
struct Asked {
  bool by_day = false;
  std::vector<std::string> dimensions;
  std::vector<Metric> metrics;
  std::map<std::string, std::set<std::string>> filters;
  std::vector<std::pair<std::string, bool>> order;  // the column, and whether it descends
  Hours hours{};
  rokt::TimeZone zone;
  std::string currency;
};

rokt::DateParameter date(const json::object& content, std::string_view name) {
  const auto parsed = rokt::DateParameter::parse(text(content, name, ""));
  if (!parsed) throw Refused{std::string(name) + " is missing or no date"};
  return *parsed;
}

Hours hours_of(const json::object& content, const rokt::TimeZone& zone, EndDate end_date) {
  const auto start = date(content, "startDate");
  const auto end = date(content, "endDate");
  const bool whole_day = end.bare && end_date == EndDate::inclusive;
  const Hours hours{hour_of(start.earliest, zone), hour_of(whole_day ? end.latest : end.earliest, zone)};
  if (hours.last < hours.first) throw Refused{"startDate is after endDate"};
  if (hours.last - hours.first > longest_range_hours) throw Refused{"a range is at most ten years"};
  return hours;
}

void check_dimension(const Subject& subject, const std::string& slug) {
  if (std::ranges::find(subject.dimensions, slug) == subject.dimensions.end())
    throw Refused{"there is no dimension " + slug};
}

std::vector<Metric> metrics_of(const Subject& subject, const json::object& content) {
  std::vector<Metric> metrics;
  for (const std::string& slug : texts(content, "metrics")) {
    const auto metric = std::ranges::find(subject.metrics, slug, &Metric::slug);
    if (metric == subject.metrics.end()) throw Refused{"there is no metric " + slug};
    metrics.push_back(*metric);
  }
  if (metrics.empty()) throw Refused{"metrics is missing"};
  return metrics;
}

void read_order(const json::object& content, Asked& asked) {
  const json::value* const order = content.if_contains("orderBys");
  if (order == nullptr) return;
  if (!order->is_array()) throw Refused{"orderBys is no array"};
  for (const json::value& by : order->get_array()) {
    if (!by.is_object()) throw Refused{"orderBys holds what is no object"};
    const std::string column = text(by.get_object(), "column", "");
    const bool known = std::ranges::find(asked.dimensions, column) != asked.dimensions.end() ||
                       std::ranges::find(asked.metrics, column, &Metric::slug) != asked.metrics.end();
    if (!known) throw Refused{"cannot order by \"" + column + "\""};
    asked.order.emplace_back(column, text(by.get_object(), "direction", "asc") == "desc");
  }
}

void read_filters(const Subject& subject, const json::object& content, Asked& asked) {
  const json::value* const filters = content.if_contains("dimensionFilters");
  if (filters == nullptr) return;
  if (!filters->is_object()) throw Refused{"dimensionFilters is no object"};
  for (const auto& filter : filters->get_object()) {
    const std::string slug(filter.key());
    check_dimension(subject, slug);
    const auto wanted = texts(filters->get_object(), slug);
    asked.filters[slug] = {wanted.begin(), wanted.end()};
  }
}

Asked read(const Subject& subject, int account, const QueryRequest& request) {
  boost::system::error_code error;
  const json::value parsed = json::parse(request.content, error);
  if (error || !parsed.is_object()) throw Refused{"the content is no JSON object"};
  const json::object& content = parsed.get_object();
  const std::string interval = text(content, "interval", "");
  if (!interval.empty() && interval != "day") throw Refused{"interval is not \"day\""};
  const auto zone = rokt::TimeZone::find(text(content, "timezoneVariation", zone_of(account)));
  if (!zone) throw Refused{"timezoneVariation is no time zone"};
  Asked asked{.by_day = !interval.empty(),
              .dimensions = texts(content, "dimensions"),
              .metrics = metrics_of(subject, content),
              .filters = {},
              .order = {},
              .hours = hours_of(content, *zone, request.end_date),
              .zone = *zone,
              .currency = text(content, "currencyCode", currency_of(account))};
  for (const std::string& slug : asked.dimensions) check_dimension(subject, slug);
  read_filters(subject, content, asked);
  read_order(content, asked);
  return asked;
}

/// A row before it is written: its day, its dimensions and its facts.
struct Row {
  std::vector<std::string> group;
  Facts facts;
};

std::vector<Row> rows_of(const World& world, int account, const Asked& asked, WallTime now) {
  std::vector<World::Grouping> groupings;
  for (const std::string& slug : asked.dimensions) groupings.push_back(grouping_of(slug));
  std::vector<std::pair<World::Grouping, const std::set<std::string>*>> filters;
  for (const auto& [slug, wanted] : asked.filters) filters.emplace_back(grouping_of(slug), &wanted);
  std::vector<std::string> days;  // of the range's hours: the same for every cell
  const std::int64_t current = std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count();
  for (std::int64_t hour = asked.hours.first; asked.by_day && hour < std::min(asked.hours.last, current);
       ++hour)
    days.push_back(day_of(hour, asked.zone));
  const std::string filtered_out(1, separator);
  const auto group_of = [&](const Cell& cell, std::int64_t hour) {
    for (const auto& [grouping, wanted] : filters) {
      if (!wanted->contains(grouping(cell, hour))) return filtered_out;
    }
    std::string group =
        asked.by_day ? days[static_cast<std::size_t>(hour - asked.hours.first)] : std::string();
    for (const auto& grouping : groupings) group.append(1, separator).append(grouping(cell, hour));
    return group + separator + ".";
  };
  std::vector<Row> rows;
  for (const auto& [group, facts] :
       world.sum({.account = account}, asked.hours, now, asked.currency, group_of)) {
    if (group == filtered_out) continue;
    Row row{{}, facts};
    for (std::size_t at = 0, end = group.find(separator); end != std::string::npos;
         at = end + 1, end = group.find(separator, at))
      row.group.push_back(group.substr(at, end - at));
    rows.push_back(std::move(row));
  }
  return rows;
}

void sort(std::vector<Row>& rows, const Asked& asked) {
  for (auto by = asked.order.rbegin(); by != asked.order.rend(); ++by) {
    const auto& [column, descends] = *by;
    const auto dimension = std::ranges::find(asked.dimensions, column);
    const auto metric = std::ranges::find(asked.metrics, column, &Metric::slug);
    const bool is_dimension = dimension != asked.dimensions.end();
    const auto place = static_cast<std::size_t>(dimension - asked.dimensions.begin()) + 1;
    const auto less = [&](const Row& left, const Row& right) {
      if (is_dimension) return left.group[place] < right.group[place];
      return left.facts.*metric->value < right.facts.*metric->value;
    };
    std::ranges::stable_sort(rows, [&](const Row& left, const Row& right) {
      return descends ? less(right, left) : less(left, right);
    });
  }
}

std::string row_json(const Row& row, const Asked& asked) {
  Object object;
  if (asked.by_day) object.text("datetime", row.group.front());
  for (std::size_t i = 0; i < asked.dimensions.size(); ++i)
    object.text(asked.dimensions[i], row.group[i + 1]);
  for (const Metric& metric : asked.metrics) {
    const std::int64_t value = row.facts.*metric.value;
    metric.money ? object.money(metric.slug, value) : object.number(metric.slug, value);
  }
  return object.str();
}

Reply query(const World& world, const Subject& subject, int account, const QueryRequest& request,
            WallTime now) {
  const Asked asked = read(subject, account, request);
  std::vector<Row> rows = rows_of(world, account, asked, now);
  sort(rows, asked);
  std::string list;
  for (const Row& row : rows) list.append(list.empty() ? "" : ",").append(row_json(row, asked));
  return {200, Object()
                   .number("queryTimeMs", request.query_time_ms)
                   .text("accountId", std::to_string(account))
                   .raw("data", "[" + list + "]")
                   .str()};
}

/// Answers a path below an account that exists.
Reply answer_of_account(const World& world, int account, std::string_view rest, const QueryRequest& request,
                        WallTime now) {
  const bool get = request.method == "GET" || request.method == "HEAD";
  const Reply wrong_method = error_reply(405, "this path has another method");
  if (rest.empty()) return get ? Reply{200, account_json(account, now)} : wrong_method;
  for (const Subject& subject : subjects()) {
    const std::string path = "/" + std::string(subject.name);
    if (rest == path + "/help") return get ? Reply{200, help(subject)} : wrong_method;
    // With the slash for campaigns, without it for transactions.
    if (rest == (subject.name == "campaigns" ? path + "/" : path)) {
      if (request.method != "POST") return wrong_method;
      return query(world, subject, account, request, now);
    }
  }
  return error_reply(404, "not found");
}

}  // namespace

bool is_query_path(const std::string& path) {
  return path.starts_with(root);
}

Reply answer_query(const World& world, const QueryRequest& request, WallTime now) {
  const std::string_view path = std::string_view(request.path).substr(root.size());
  if (path.empty()) {
    if (request.method != "GET" && request.method != "HEAD")
      return error_reply(405, "this path has another method");
    return {200, all_accounts(now)};
  }
  if (path.front() != '/') return error_reply(404, "not found");
  const std::string_view id = path.substr(1, path.find('/', 1) - 1);
  const int account = parse_number<int>(id).value_or(0);
  if (account < 1 || account > accounts) return error_reply(403, "this account is not yours");
  try {
    return answer_of_account(world, account, path.substr(1 + id.size()), request, now);
  } catch (const Refused& refused) {
    return error_reply(400, refused.why);
  }
}

}  // namespace roktcached::simulator
