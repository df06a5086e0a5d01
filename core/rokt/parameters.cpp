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

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

/// True if every name is there, and each differs from the others. Only for a few parameters, which are
/// sooner compared with each other than sorted; of more nothing is said.
bool surely_distinct(std::span<const QueryParameter> parameters) {
  constexpr std::size_t few = 8;
  if (parameters.size() > few) return false;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string_view name = parameters[i].name;
    if (name.empty()) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (parameters[j].name == name) return false;
    }
  }
  return true;
}

Result<void> check_names(std::span<const QueryParameter> parameters) {
  if (surely_distinct(parameters)) return {};
  std::vector<std::string_view> names;
  names.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    if (parameter.name.empty())
      return not_accepted("query", "a parameter without a name", "name=value pairs joined by '&'");
    names.push_back(parameter.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) return not_accepted(shown(*twice), "comes more than once", "once");
  return {};
}

constexpr std::array<std::string_view, 5> known_parameters = {"dateStart", "dateEnd", "currency",
                                                              "timeZoneVariation", "groupby"};
/// Their places there.
enum class Known : std::size_t { date_start, date_end, currency, time_zone, groupby };
std::string_view name_of(Known parameter) {
  return known_parameters[static_cast<std::size_t>(parameter)];
}
/// The known names in the form that `folded` makes.
constexpr std::array<std::string_view, 5> folded_parameters = {"datestart", "dateend", "currency",
                                                               "timezonevariation", "groupby"};
/// Anything longer is like none of them, and need not be compared.
constexpr std::size_t longest_name = 32;

/// The parameter of the Reporting API that somebody most likely meant by `name`, which is none itself: one in
/// another case ("groupBy"), with one typing error ("currrency"), with its words set apart ("date_start"), or
/// with the brackets of a list ("groupby[]"). The API ignores a name that it does not know, and answers with
/// other rows than were asked for.
/// @param name  percent-decoded
/// @return empty if it is like none
std::string_view nearly_known_parameter(std::string_view name) {
  if (name.size() > longest_name) return {};
  const std::string asked = folded(name);
  for (std::size_t i = 0; i < known_parameters.size(); ++i) {
    const std::string_view right = folded_parameters.at(i);
    // Names whose lengths are further apart need not be compared.
    const bool may_be_near = asked.size() + 1 >= right.size() && right.size() + 1 >= asked.size();
    if (may_be_near && edit_distance(asked, right) <= 1) return known_parameters.at(i);
  }
  return {};
}

/// The parameters of a report that the API knows, each looked for once.
class ReportParameters {
 public:
  /// @param parameters  outlives the result, each of another name
  explicit ReportParameters(std::span<const QueryParameter> parameters) {
    for (const QueryParameter& parameter : parameters) {
      const auto known = std::ranges::find(known_parameters, parameter.name) - known_parameters.begin();
      if (known < std::ssize(sent_)) {
        sent_.at(static_cast<std::size_t>(known)) = &parameter;
      } else if (near_name_.empty()) {
        meant_ = nearly_known_parameter(parameter.name);
        if (!meant_.empty()) near_name_ = parameter.name;
      }
    }
  }

  /// Null if it is not there.
  [[nodiscard]] const QueryParameter* operator[](Known which) const {
    return sent_[static_cast<std::size_t>(which)];
  }

  /// Refuses a name that is nearly that of a known parameter: the API would pass over its value.
  [[nodiscard]] Result<void> check_for_near_names() const {
    if (near_name_.empty()) return {};
    return not_accepted("parameter", shown(near_name_), meant_);
  }

 private:
  std::array<const QueryParameter*, known_parameters.size()> sent_{};
  std::string_view near_name_;  // the first
  std::string_view meant_;
};

/// One required parameter of a report, read by `read`, which returns empty for what is not acceptable.
template <class Read>
auto required(const ReportParameters& parameters, Known which, std::string_view accepted, Read read)
    -> Result<typename std::invoke_result_t<Read, std::string_view>::value_type> {
  const QueryParameter* const sent = parameters[which];
  if (sent == nullptr) return not_accepted(name_of(which), "is missing", accepted);
  if (auto value = read(sent->value)) return *value;
  return not_accepted(name_of(which), shown(sent->value), accepted);
}

std::vector<std::string> accepted_currencies(const ParameterRules& rules) {
  std::vector<std::string> accepted;
  for (const auto documented : documented_currencies()) accepted.emplace_back(documented);
  accepted.insert(accepted.end(), rules.extra_currencies.begin(), rules.extra_currencies.end());
  return accepted;
}

Result<void> check_currency(const ReportParameters& parameters, const ParameterRules& rules) {
  const auto read = [&rules](std::string_view value) -> std::optional<bool> {
    // Mostly the first letter tells.
    const auto is_it = [value](std::string_view one) {
      return value.starts_with(one.front()) && value == one;
    };
    const bool known = std::ranges::any_of(documented_currencies(), is_it) ||
                       std::ranges::find(rules.extra_currencies, value) != rules.extra_currencies.end();
    return known ? std::optional<bool>(true) : std::nullopt;
  };
  // The list is only put together where it is going to be shown.
  if (const auto* sent = parameters[Known::currency]; sent != nullptr && read(sent->value)) return {};
  const auto checked = required(parameters, Known::currency, joined(accepted_currencies(rules)), read);
  return checked ? Result<void>() : Result<void>(checked.error());
}

Result<void> check_groupby(const Route& route, const ReportParameters& parameters) {
  const QueryParameter* const sent = parameters[Known::groupby];
  if (sent == nullptr || route.groupby.empty()) return {};
  if (std::ranges::find(route.groupby, sent->value) != route.groupby.end()) return {};
  return not_accepted("groupby", shown(sent->value), joined(route.groupby));
}

/// The end of the range as far as a lenient check can tell.
std::optional<WallTime> doubtful_end(const ReportParameters& parameters) {
  if (parameters[Known::date_end] == nullptr || parameters[Known::time_zone] == nullptr) return std::nullopt;
  const auto end = DateParameter::parse(parameters[Known::date_end]->value);
  const auto zone = TimeZone::find(parameters[Known::time_zone]->value);
  if (!end || !zone) return std::nullopt;
  return range_end(*end, *zone);
}

/// Reads a required date. The error of a refused date names the date that was most likely meant.
Result<DateParameter> required_date(const ReportParameters& parameters, Known which) {
  const QueryParameter* const sent = parameters[which];
  const auto date = sent == nullptr ? std::nullopt : DateParameter::parse(sent->value);
  if (date) return *date;
  std::string accepted(accepted_dates);
  if (const auto meant = sent == nullptr ? std::nullopt : nearest_date(sent->value))
    accepted.append(", on the clock of timeZoneVariation; write ").append(*meant);
  return not_accepted(name_of(which), sent == nullptr ? "is missing" : shown(sent->value), accepted);
}

Result<CheckedParameters> check_report(const Route& route, const ReportParameters& parameters,
                                       const ParameterRules& rules) {
  if (const auto names = parameters.check_for_near_names(); !names) return names.error();
  const auto start = required_date(parameters, Known::date_start);
  if (!start) return start.error();
  const auto end = required_date(parameters, Known::date_end);
  if (!end) return end.error();
  // A bare end is the whole of its day, up to but not including the next midnight.
  const bool after = end->bare ? start->earliest >= end->latest : start->earliest > end->latest;
  if (after) {
    return not_accepted("dateStart", shown(parameters[Known::date_start]->value) + " is after dateEnd",
                        "a start that is not after " + shown(parameters[Known::date_end]->value));
  }
  if (const auto checked = check_currency(parameters, rules); !checked) return checked.error();
  const auto zone =
      required(parameters, Known::time_zone, "an IANA time zone, e.g. America/New_York", TimeZone::find);
  if (!zone) return zone.error();
  if (const auto checked = check_groupby(route, parameters); !checked) return checked.error();
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
  const ReportParameters known(parameters);
  if (rules.validation == Validation::lenient) return CheckedParameters{doubtful_end(known)};
  return check_report(route, known, rules);
}

}  // namespace roktcached::rokt
