#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/fleet_flights.h"
#include "server/fleet/shared_answer.h"
#include "server/worker_pool.h"

/// The flights that this instance flies: how they are kept, and how they land.

namespace roktcached::fleet {

using proxy::FetchOutcomePtr;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds until_renewal{600};

/// Failures of the upstream's concern everybody; those of one instance's own budget and memory do not.
bool concerns_others(const Error& error) {
  return error.code == ErrorCode::upstream_unreachable || error.code == ErrorCode::upstream_timeout ||
         error.code == ErrorCode::upstream_invalid_response || error.code == ErrorCode::token_unavailable;
}

}  // namespace

/// A flight that is under way gets a lease, unless another instance has one.
asio::awaitable<void> FleetFlights::adopt(FlightPtr flight) {
  if (std::exchange(flight->adopting, true)) co_return;
  const Crew& crew = flight->crew;
  const auto reply = co_await engine_.run(
      flight_script,
      words(flight->entry_key, flight->flight_key, crew.fences_key, crew.purges_key, crew.flights_key),
      words(owner_, std::to_string(unix_ms(clock_.wall_now())), "0", "0",
            std::to_string(flight_lease.count()), "1"));
  flight->adopting = false;
  if (!reply || reply->text_at(0) != "lead") co_return;
  const bool is_new = flight->fence.empty();
  flight->fence = reply->text_at(1);
  if (flight->has_ended)
    co_return co_await tell(flight, std::string(told::ended), {}, {.fence = flight->fence});
  if (is_new) co_await keep(flight);
}

asio::awaitable<void> FleetFlights::keep(FlightPtr flight) {
  asio::steady_timer pause(executor_);
  while (!stopped_) {
    pause.expires_after(until_renewal);
    co_await pause.async_wait(as_result);
    if (flight->has_ended || stopped_) co_return;
    const std::string fence = flight->fence;
    const auto reply = co_await engine_.run(renew_script, words(flight->flight_key, flight->crew.flights_key),
                                            words(fence, std::to_string(flight_lease.count())));
    if (flight->has_ended || stopped_) co_return;
    if (!reply) continue;
    if (reply->text_at(0) == "0") {
      co_await adopt(flight);
    } else if (reply->text_at(1) == "1") {
      flight->turn.join({{}, upstream::Priority::interactive}, clock_.steady_now());
    }
  }
}

asio::awaitable<void> FleetFlights::land(FlightPtr flight, FetchOutcomePtr outcome) {
  SealedAnswer sealed{.fence = flight->fence, .begun = flight->begun.text()};
  if (outcome && outcome->failure && concerns_others(outcome->failure->error))
    co_return co_await tell(flight, std::string(told::failed), written(*outcome->failure), sealed);
  if (!outcome || !outcome->response || outcome->too_large())
    co_return co_await tell(flight, std::string(told::ended), {}, sealed);
  const caching::StoredResponsePtr response = outcome->response;
  sealed.fetched = std::to_string(unix_ms(response->fetched_at));
  sealed.fresh = std::to_string(unix_ms(response->fresh_until));
  const milliseconds usable_for = response->usable_until - clock_.wall_now();
  if (!outcome->stored() || usable_for <= milliseconds::zero()) {
    std::string text;
    sealed.fresh = std::to_string(static_cast<unsigned>(outcome->storing));
    if (response->body->size() <= max_in_log) text = written(*response);
    co_return co_await tell(flight, std::string(told::answered), std::move(text), sealed);
  }
  const auto seal = [&, sealer = flight->crew.answers] {
    sealed.text = sealer->seal(written(*response), flight->bound(told::landed, sealed));
  };
  if (response->body->size() >= worth_another_thread) {
    co_await run_on(helpers_, seal);
  } else {
    seal();
  }
  const auto reply = co_await engine_.run_bulk(
      land_script,
      words(flight->entry_key, flight->flight_key, flight->crew.log_key, flight->crew.flights_key),
      words(sealed.fence, sealed.fetched, sealed.fresh, sealed.begun, std::to_string(usable_for.count()),
            sealed.text, flight->name, std::string(log_length), std::to_string(max_in_log)));
  if (reply) {
    ++counts_.landed;
  } else if (reply.error().code == ErrorCode::storage_full) {
    // The others are told all the same, where it is small.
    if (sealed.text.size() > max_in_log)
      co_return co_await tell(flight, std::string(told::ended), {}, sealed);
    co_await tell(flight, std::string(told::landed), written(*response), sealed);
  }
}

/// @param text    what is told, to be sealed; empty: that the others are to look again
/// @param sealed  the rest of it
asio::awaitable<void> FleetFlights::tell(FlightPtr flight, std::string kind, std::string text,
                                         SealedAnswer sealed) {
  if (!text.empty()) sealed.text = flight->crew.answers->seal(text, flight->bound(kind, sealed));
  const auto reply = co_await engine_.run(
      tell_script, words(flight->flight_key, flight->crew.log_key, flight->crew.flights_key),
      words(sealed.fence, kind, flight->name, std::string(log_length), sealed.text, sealed.fetched,
            sealed.fresh, sealed.begun));
  static_cast<void>(reply);  // else the lease ends
}

}  // namespace roktcached::fleet
