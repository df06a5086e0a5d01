#include "core/rokt/parameters.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/edit_distance.h"
#include "core/rokt/date_range.h"
#include "core/rokt/sent_text.h"
#include "core/rokt/time_zone.h"

namespace roktcached::rokt {

using http::QueryParameter;

namespace {

constexpr std::string_view accepted_dates = "YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.fff], a real calendar day";

Error refused(std::string_view name, std::string_view what, std::string_view accepted) {
  std::string context(name);
  context.append(": ").append(what).append("; accepted: ").append(accepted);
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::core,
          .retryable = false,
          .context = std::move(context)};
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

const QueryParameter* find(std::span<const QueryParameter> parameters, std::string_view name) {
  const auto found = std::ranges::find(parameters, name, &QueryParameter::name);
  return found == parameters.end() ? nullptr : &*found;
}

/// True where every name is there, and each differs from the others. Only for a few parameters, which are
/// sooner compared with each other than sorted; of more nothing is said.
bool surely_distinct(std::span<const QueryParameter> parameters) {
  constexpr std::size_t few = 8;
  if (parameters.size() > few) return false;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].name.empty() || find(parameters.first(i), parameters[i].name) != nullptr) return false;
  }
  return true;
}

Result<void> check_names(std::span<const QueryParameter> parameters) {
  if (surely_distinct(parameters)) return {};
  std::vector<std::string_view> names;
  names.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    if (parameter.name.empty())
      return refused("query", "a parameter without a name", "name=value pairs joined by '&'");
    names.push_back(parameter.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) return refused(shown(*twice), "comes more than once", "once");
  return {};
}

constexpr std::array<std::string_view, 5> known_parameters = {"dateStart", "dateEnd", "currency",
                                                              "timeZoneVariation", "groupby"};
/// The same as `folded` makes them.
constexpr std::array<std::string_view, 5> folded_parameters = {"datestart", "dateend", "currency",
                                                               "timezonevariation", "groupby"};
/// Anything longer is like none of them, and need not be compared.
constexpr std::size_t longest_name = 32;

/// The parameter of the Reporting API that somebody most likely meant by `name`, where that is none itself:
/// one in another case ("groupBy"), with one typing error ("currrency"), with its words set apart
/// ("date_start"), or with the brackets of a list ("groupby[]"). The API ignores a name that it does not
/// know, and answers with other rows than were asked for.
/// @param name  percent-decoded
/// @return empty where `name` is right, or like none
std::string_view nearly_known_parameter(std::string_view name) {
  if (name.size() > longest_name || std::ranges::find(known_parameters, name) != known_parameters.end())
    return {};
  const std::string asked = folded(name);
  for (std::size_t i = 0; i < known_parameters.size(); ++i) {
    const std::string_view right = folded_parameters.at(i);
    // Names whose lengths are further apart need not be compared.
    const bool may_be_near = asked.size() + 1 >= right.size() && right.size() + 1 >= asked.size();
    if (may_be_near && edit_distance(asked, right) <= 1) return known_parameters.at(i);
  }
  return {};
}

/// @return whether no name is nearly that of a known parameter: its value would be passed over
Result<void> check_for_near_names(std::span<const QueryParameter> parameters) {
  for (const auto& parameter : parameters) {
    const std::string_view right = nearly_known_parameter(parameter.name);
    if (!right.empty()) return refused("parameter", shown(parameter.name), right);
  }
  return {};
}

/// One required parameter of a report, read by `read`, which returns empty for what is not acceptable.
template <class Read>
auto required(std::span<const QueryParameter> parameters, std::string_view name, std::string_view accepted,
              Read read) -> Result<typename std::invoke_result_t<Read, std::string_view>::value_type> {
  const QueryParameter* parameter = find(parameters, name);
  if (parameter == nullptr) return refused(name, "is missing", accepted);
  if (auto value = read(parameter->value)) return *value;
  return refused(name, shown(parameter->value), accepted);
}

std::vector<std::string> accepted_currencies(const ParameterRules& rules) {
  std::vector<std::string> accepted;
  for (const auto currency : documented_currencies()) accepted.emplace_back(currency);
  accepted.insert(accepted.end(), rules.extra_currencies.begin(), rules.extra_currencies.end());
  return accepted;
}

Result<void> check_currency(std::span<const QueryParameter> parameters, const ParameterRules& rules) {
  const auto read = [&rules](std::string_view value) -> std::optional<bool> {
    const auto& documented = documented_currencies();
    const bool known = std::ranges::find(documented, value) != documented.end() ||
                       std::ranges::find(rules.extra_currencies, value) != rules.extra_currencies.end();
    return known ? std::optional<bool>(true) : std::nullopt;
  };
  // The list is only put together where it is going to be shown.
  if (const auto* sent = find(parameters, "currency"); sent != nullptr && read(sent->value)) return {};
  const auto checked = required(parameters, "currency", joined(accepted_currencies(rules)), read);
  return checked ? Result<void>() : Result<void>(checked.error());
}

Result<void> check_groupby(const Route& route, std::span<const QueryParameter> parameters) {
  const QueryParameter* groupby = find(parameters, "groupby");
  if (groupby == nullptr || route.groupby.empty()) return {};
  if (std::ranges::find(route.groupby, groupby->value) != route.groupby.end()) return {};
  return refused("groupby", shown(groupby->value), joined(route.groupby));
}

/// The end of the range as far as a lenient check can tell.
std::optional<WallTime> doubtful_end(std::span<const QueryParameter> parameters) {
  const QueryParameter* date_end = find(parameters, "dateEnd");
  const QueryParameter* zone_name = find(parameters, "timeZoneVariation");
  if (date_end == nullptr || zone_name == nullptr) return std::nullopt;
  const auto end = DateParameter::parse(date_end->value);
  const auto zone = TimeZone::find(zone_name->value);
  if (!end || !zone) return std::nullopt;
  return range_end(*end, *zone);
}

/// A date that is refused is named with the one that was most likely meant.
Result<DateParameter> required_date(std::span<const QueryParameter> parameters, std::string_view name) {
  const QueryParameter* sent = find(parameters, name);
  const auto date = sent == nullptr ? std::nullopt : DateParameter::parse(sent->value);
  if (date) return *date;
  std::string accepted(accepted_dates);
  if (const auto meant = sent == nullptr ? std::nullopt : nearest_date(sent->value))
    accepted.append(", on the clock of timeZoneVariation; write ").append(*meant);
  return refused(name, sent == nullptr ? "is missing" : shown(sent->value), accepted);
}

Result<CheckedParameters> check_report(const Route& route, std::span<const QueryParameter> parameters,
                                       const ParameterRules& rules) {
  if (const auto names = check_for_near_names(parameters); !names) return names.error();
  const auto start = required_date(parameters, "dateStart");
  if (!start) return start.error();
  const auto end = required_date(parameters, "dateEnd");
  if (!end) return end.error();
  // A bare end is the whole of its day, up to but not including the next midnight.
  const bool after = end->bare ? start->earliest >= end->latest : start->earliest > end->latest;
  if (after) {
    return refused("dateStart", shown(find(parameters, "dateStart")->value) + " is after dateEnd",
                   "a start that is not after " + shown(find(parameters, "dateEnd")->value));
  }
  if (const auto currency = check_currency(parameters, rules); !currency) return currency.error();
  const auto zone =
      required(parameters, "timeZoneVariation", "an IANA time zone, e.g. America/New_York", TimeZone::find);
  if (!zone) return zone.error();
  if (const auto groupby = check_groupby(route, parameters); !groupby) return groupby.error();
  return CheckedParameters{range_end(*end, *zone)};
}

}  // namespace

const std::vector<std::string_view>& documented_currencies() {
  static const std::vector<std::string_view> currencies = {"AUD", "CAD", "EUR", "GBP", "JPY",
                                                           "NZD", "SGD", "USD", "KRW", "CNY"};
  return currencies;
}

Result<CheckedParameters> check_parameters(const Route& route, std::span<const QueryParameter> parameters,
                                           const ParameterRules& rules) {
  if (!is_kept_by_lifetimes(route.route_class)) return CheckedParameters{};
  if (const auto names = check_names(parameters); !names) return names.error();
  if (route.route_class != RouteClass::report) return CheckedParameters{};
  if (rules.validation == Validation::lenient) return CheckedParameters{doubtful_end(parameters)};
  return check_report(route, parameters, rules);
}

}  // namespace roktcached::rokt
