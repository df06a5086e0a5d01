#include "server/proxy/question.h"

#include <algorithm>
#include <utility>

#include "core/formats/own_parameters.h"
#include "core/rokt/moving_dates.h"
#include "core/rokt/open_end.h"
#include "core/rokt/sent_text.h"

namespace roktcached::proxy {

using http::QueryParameter;

namespace {

constexpr std::string_view dates_name = "roktcached-dates";

std::string names_of_dates() {
  std::string names;
  for (const std::string_view name : rokt::moving_dates_names())
    names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

}  // namespace

Result<Question> Question::read(const rokt::Route& route, const http::Query& query,
                                const rokt::ParameterRules& rules, WallTime now) {
  Question question;
  question.parameters_ = {query.begin(), query.size()};
  const bool has_own = std::ranges::any_of(question.parameters_, formats::is_own, &QueryParameter::name);
  if (has_own) {
    if (const auto taken = question.take_own(route, now); !taken) return taken.error();
  }
  if (route.route_class == rokt::RouteClass::report) question.round_end(rules.open_end_step, now);
  question.presentation_ = std::move(question.presented_);
  return question;
}

Result<void> Question::take_own(const rokt::Route& route, WallTime now) {
  auto own = formats::read_own_parameters(parameters_);
  if (!own) return own.error();
  std::ranges::remove_copy_if(parameters_, std::back_inserter(changed_), formats::is_own,
                              &QueryParameter::name);
  parameters_ = changed_;
  said().format = own->format;
  said().columns = std::move(own->columns);
  return own->dates.empty() ? Result<void>() : choose_dates(route, own->dates, now);
}

Result<void> Question::choose_dates(const rokt::Route& route, std::string_view name, WallTime now) {
  if (route.route_class != rokt::RouteClass::report)
    return rokt::not_accepted(dates_name, rokt::shown(name) + " on a route without dateStart and dateEnd",
                              "a report's route of the Reporting API");
  const auto dates = rokt::moving_dates_of(name);
  if (!dates) return rokt::not_accepted(dates_name, rokt::shown(name), names_of_dates());
  for (const std::string_view date : {std::string_view("dateStart"), std::string_view("dateEnd")}) {
    if (find(date) != nullptr)
      return rokt::not_accepted(dates_name, rokt::shown(name) + " besides " + std::string(date),
                                "one of them: it stands for dateStart and dateEnd");
  }
  const auto zone = rokt::TimeZone::find(value_of("timeZoneVariation"));
  if (!zone) {
    const bool missing = find("timeZoneVariation") == nullptr;
    return rokt::not_accepted(
        "timeZoneVariation", missing ? "is missing" : rokt::shown(value_of("timeZoneVariation")),
        "an IANA time zone, e.g. America/New_York: on its clock the days of roktcached-dates begin");
  }
  rokt::DateTexts texts = rokt::texts_of(rokt::dates_of(*dates, now, *zone));
  set("dateStart", std::move(texts.start));
  set("dateEnd", std::move(texts.end));
  say_range({now, zone->next_day(now)});
  return {};
}

/// A range that was chosen by its name ends where that says.
void Question::round_end(std::chrono::milliseconds step, WallTime now) {
  if (step == std::chrono::milliseconds{0} || (presented_ && presented_->holds)) return;
  auto end =
      rokt::open_end(value_of("dateStart"), value_of("dateEnd"), value_of("timeZoneVariation"), now, step);
  if (!end) return;
  if (end->rounded.empty()) {
    said().holds = {now, end->holds_until};
    return;
  }
  if (changed_.empty()) changed_.assign(parameters_.begin(), parameters_.end());
  set("dateEnd", std::move(end->rounded));
  say_range({now, end->holds_until});
}

void Question::say_range(Presentation::Span holds) {
  said().report_range = std::string(value_of("dateStart")) + "/" + std::string(value_of("dateEnd"));
  said().holds = holds;
}

Presentation& Question::said() {
  if (!presented_) presented_ = std::make_shared<Presentation>();
  return *presented_;
}

const QueryParameter* Question::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &QueryParameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

std::string_view Question::value_of(std::string_view name) const {
  const QueryParameter* const parameter = find(name);
  return parameter == nullptr ? std::string_view() : parameter->value;
}

/// A date is spelled in a key as it is anywhere.
void Question::set(std::string_view name, std::string value) {
  const std::string_view text = texts_.emplace_front(std::move(value));
  const auto found = std::ranges::find(changed_, name, &QueryParameter::name);
  const QueryParameter parameter{name, text, name, text, true};
  if (found == changed_.end()) {
    changed_.push_back(parameter);
  } else {
    *found = parameter;
  }
  parameters_ = changed_;
}

}  // namespace roktcached::proxy
