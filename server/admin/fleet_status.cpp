#include "server/admin/fleet_status.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/admin/admin.h"

namespace roktcached::admin {

namespace json = boost::json;

json::object to_json(const fleet::FleetStatus& status) {
  const fleet::FlightCounts& flights = status.flights;
  json::object object{{"engine", status.engine},
                      {"instance", status.instance},
                      {"state", status.link.together ? "together" : "alone"},
                      {"members", status.members},
                      {"members_known", status.members_known},
                      {"clock_skew_ms", status.clock_skew_ms}};
  if (!status.link.trouble.empty()) object["trouble"] = status.link.trouble;
  object["link"] = {{"connected", status.link.connected},   {"calls", status.link.calls},
                    {"timeouts", status.link.timeouts},     {"refused", status.link.refused},
                    {"typical_ms", status.link.typical_ms}, {"slow_ms", status.link.slow_ms}};
  object["fetches"] = {{"led", flights.led},        {"taken", flights.taken}, {"waited", flights.waited},
                       {"failed", flights.failed},  {"alone", flights.alone}, {"landed", flights.landed},
                       {"refused", flights.refused}};
  object["tokens_taken"] = status.tokens_taken;
  return object;
}

/// On the upstream thread, which alone may look.
boost::asio::awaitable<std::optional<fleet::FleetStatus>> Admin::read_fleet_status() const {
  if (sources_.fleet == nullptr) co_return std::nullopt;
  const auto on_upstream_thread = [&fleet = *sources_.fleet]() -> boost::asio::awaitable<fleet::FleetStatus> {
    co_return fleet.status();
  };
  co_return co_await boost::asio::co_spawn(sources_.upstream_executor, on_upstream_thread(),
                                           boost::asio::use_awaitable);
}

}  // namespace roktcached::admin
