#include "server/admin/fleet_status.h"

namespace roktcached::admin {

namespace json = boost::json;

json::object to_json(const fleet::FleetStatus& status) {
  const fleet::FlightCounts& flights = status.flights;
  json::object object{{"engine", status.engine},
                      {"instance", status.instance},
                      {"state", status.link.together ? "together" : "alone"},
                      {"members", status.members},
                      {"members_known", status.members_known},
                      {"purges_due", status.purges_due},
                      {"clock_skew_ms", status.clock_skew_ms}};
  if (!status.link.trouble.empty()) object["trouble"] = status.link.trouble;
  object["link"] = {{"connected", status.link.connected}, {"calls", status.link.calls},
                    {"timeouts", status.link.timeouts},   {"refused", status.link.refused},
                    {"errors", status.link.errors},       {"typical_ms", status.link.typical_ms},
                    {"slow_ms", status.link.slow_ms}};
  object["fetches"] = {{"led", flights.led},        {"taken", flights.taken}, {"waited", flights.waited},
                       {"failed", flights.failed},  {"alone", flights.alone}, {"landed", flights.landed},
                       {"refused", flights.refused}};
  object["tokens_taken"] = status.tokens_taken;
  return object;
}

void add_fleet(Families& families, const fleet::FleetStatus& status) {
  const fleet::EngineStatus& link = status.link;
  const fleet::FlightCounts& flights = status.flights;
  families.push_back(gauge("fleet_together", "1 while the engine of the fleet is there, 0 while alone.")
                         .add({}, link.together ? 1.0 : 0.0)
                         .take());
  families.push_back(gauge("fleet_members", "Instances that are there, of the first credential.")
                         .add({}, status.members)
                         .take());
  families.push_back(gauge("fleet_members_known", "Those, and the ones that are away.")
                         .add({}, status.members_known)
                         .take());
  families.push_back(gauge("fleet_purges_due", "Purges of the fleet that are not done here yet.")
                         .add({}, status.purges_due)
                         .take());
  families.push_back(histogram("fleet_engine_duration_seconds", "From a command to the engine's answer.")
                         .add({}, link.took)
                         .take());
  families.push_back(
      counter("fleet_engine_failures_total", "Commands to the engine that did not do their work, by why.")
          .add({{"reason", "timeout"}}, link.timeouts)
          .add({{"reason", "full"}}, link.refused)
          .add({{"reason", "error"}}, link.errors)
          .take());
  families.push_back(counter("fleet_engine_connects_total", "How often the engine was reached.")
                         .add({}, link.connected)
                         .take());
  families.push_back(
      counter("fleet_fetches_total",
              "Fetches by what sharing made of them; landed and refused are answers given, and "
              "answers of the engine that could not be used.")
          .add({{"kind", "led"}}, flights.led)
          .add({{"kind", "taken"}}, flights.taken)
          .add({{"kind", "waited"}}, flights.waited)
          .add({{"kind", "failed"}}, flights.failed)
          .add({{"kind", "alone"}}, flights.alone)
          .add({{"kind", "landed"}}, flights.landed)
          .add({{"kind", "refused"}}, flights.refused)
          .take());
  families.push_back(counter("fleet_tokens_taken_total", "Access tokens that another instance has fetched.")
                         .add({}, status.tokens_taken)
                         .take());
  families.push_back(gauge("fleet_clock_skew_seconds", "How far the engine's clock is ahead of this one's.")
                         .add({}, static_cast<double>(status.clock_skew_ms) / 1e3)
                         .take());
}

json::object to_json(const fleet::AnswerLocation& location, WallTime now) {
  json::object object{
      {"state", location.together ? "together" : "alone"}, {"stored", nullptr}, {"under_way", nullptr}};
  if (location.fetched_at && location.fresh_until)
    object["stored"] = {{"fetched_at_unix_ms", unix_ms(*location.fetched_at)},
                        {"fresh_until_unix_ms", unix_ms(*location.fresh_until)},
                        {"fresh", *location.fresh_until > now}};
  using Fetched = fleet::AnswerLocation::Fetched;
  if (location.under_way != Fetched::not_now)
    object["under_way"] = location.under_way == Fetched::here ? "here" : "elsewhere";
  return object;
}

}  // namespace roktcached::admin
