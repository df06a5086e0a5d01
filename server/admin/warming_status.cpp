#include "server/admin/warming_status.h"

#include <boost/json/array.hpp>
#include <utility>

#include "server/admin/or_null.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

void add_counts(json::object& object, const caching::WarmTemplate::Counts& counts) {
  object["warmed"] = counts.warmed;
  object["used"] = counts.used;
  object["unused"] = counts.unused;
  object["failed"] = counts.failed;
}

json::object template_json(const proxy::TemplateStatus& one) {
  json::object object = {{"target", one.question.target},
                         {"rokt_version", one.question.rokt_version},
                         {"content", or_null(one.question.content)},
                         {"time_zone", one.question.time_zone},
                         {"origin", one.learned ? "learned" : "named"},
                         {"state", proxy::to_string(one.state)},
                         {"last_failure", or_null(one.last_failure)}};
  object["next_unix_ms"] = or_null(one.next_try);
  add_counts(object, one.counts);
  return object;
}

}  // namespace

json::object to_json(const proxy::WarmingStatus& warming) {
  const caching::WarmSchedule::Totals& totals = warming.totals;
  json::object object = {{"learn", warming.learns}};
  add_counts(object, totals.counts);
  object["forgotten"] = totals.forgotten;
  object["learned"] = totals.learned;
  object["named"] = totals.named;
  json::array templates;
  for (const proxy::TemplateStatus& one : warming.templates) templates.push_back(template_json(one));
  object["templates"] = std::move(templates);
  return object;
}

}  // namespace roktcached::admin
